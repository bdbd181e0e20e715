// Microsoft's firmware for a board. It is downloaded once, resumed where it broke off, and kept in the cache with its
// SHA-256.

import { createHash } from "node:crypto"
import { appendFile, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import path from "node:path"
import type { FirmwareRelease } from "../../../boards/src/index.js"
import { counted } from "../counted.js"
import { systemFailed, VirtioMsgError } from "../errors.js"
import { cacheOf, makeCacheFolder } from "../node/make-folder.js"

/** No byte for so long: the network has gone. */
const SILENCE_MS = 20_000

const RANGE_NOT_SATISFIABLE = 416

export interface DownloadedFirmware {
  readonly file: string
  readonly contents: Uint8Array
  readonly sha256: string
  /** Whether the SHA-256 was compared with one that is known beforehand, or only with that of the first download. */
  readonly trust: "pinned" | "first download"
  readonly fromCache: boolean
}

/** What the cache remembers of a file. */
interface CacheRecord {
  readonly url: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly downloaded: string
}

export interface DownloadOptions {
  /** Download again, and take a file that differs from the first one. */
  readonly refresh?: boolean
  readonly cacheFolder?: string
  onProgress?(doneBytes: number, totalBytes: number): void
}

/**
 * The firmware of a release, from the cache if it is there and undamaged. Rejects with SYSTEM_FAILED (no network;
 * what came stays and is resumed; or no such file there), or VERSION_MISMATCH (another file than it must be).
 */
export async function downloadFirmware(
  release: FirmwareRelease,
  options: DownloadOptions = {},
): Promise<DownloadedFirmware> {
  const folder = options.cacheFolder ?? cacheOf("firmware")
  const file = path.join(folder, path.basename(new URL(release.url).pathname))
  const known = await readRecord(`${file}.json`)
  if (known && !options.refresh) {
    const contents = await readFile(file).catch(() => undefined)
    if (contents && hash(contents) === known.sha256 && (release.sha256 ?? known.sha256) === known.sha256)
      return { file, contents, sha256: known.sha256, trust: trustIn(release), fromCache: true }
  }
  makeCacheFolder(folder)
  if (options.refresh) await rm(`${file}.part`, { force: true })
  await fetchToPart(release.url, `${file}.part`, options)
  const contents = await readFile(`${file}.part`)
  const sha256 = hash(contents)
  try {
    check(release, contents.length, sha256, options.refresh ? undefined : known)
  } catch (error) {
    await rm(`${file}.part`, { force: true }) // resuming would only complete the wrong file
    throw error
  }
  await rename(`${file}.part`, file)
  await rm(`${file}.part.etag`, { force: true })
  const record: CacheRecord = {
    url: release.url,
    sizeBytes: contents.length,
    sha256,
    downloaded: new Date().toISOString(),
  }
  await writeFile(`${file}.json`, `${JSON.stringify(record, undefined, 2)}\n`)
  return { file, contents, sha256, trust: trustIn(release), fromCache: false }
}

function check(
  release: FirmwareRelease,
  sizeBytes: number,
  sha256: string,
  known: CacheRecord | undefined,
): void {
  const wrong = (what: string, hint: string) =>
    new VirtioMsgError("VERSION_MISMATCH", `${release.url} is another file than it must be: ${what}.`, {
      hint,
    })
  if (release.sizeBytes !== undefined && release.sizeBytes !== sizeBytes)
    throw wrong(
      `${counted(sizeBytes, "byte")}, not ${release.sizeBytes}`,
      "Try again later, or give the file: --file FIRMWARE",
    )
  if (release.sha256 !== undefined && release.sha256 !== sha256)
    throw wrong(
      `SHA-256 ${sha256}, not ${release.sha256}`,
      "Do not use it; give a file that you trust: --file FIRMWARE",
    )
  if (release.sha256 === undefined && known && known.sha256 !== sha256)
    throw wrong(
      `SHA-256 ${sha256}, and on ${known.downloaded.slice(0, 10)} it was ${known.sha256}`,
      "If there is a new release, take it: --refresh",
    )
}

function trustIn(release: FirmwareRelease): DownloadedFirmware["trust"] {
  return release.sha256 === undefined ? "first download" : "pinned"
}

/** Downloads to `part`, from where an earlier attempt ended if the server still has the same file. */
async function fetchToPart(url: string, part: string, options: DownloadOptions): Promise<void> {
  const etagFile = `${part}.etag`
  const there = await stat(part).then(
    ({ size }) => size,
    () => 0,
  )
  const etag = there > 0 ? await readFile(etagFile, "utf8").catch(() => "") : ""
  const headers: Record<string, string> = etag ? { range: `bytes=${there}-`, "if-range": etag } : {}
  let done = 0
  const abort = new AbortController()
  const { signal } = abort
  const silence = setTimeout(
    () => abort.abort(new Error(`nothing came for ${SILENCE_MS / 1000} s`)),
    SILENCE_MS,
  )
  silence.unref()
  try {
    let response = await fetch(url, { headers, signal })
    // all of it is there from an earlier attempt that ended before the file got its name: nobody knows whether it is
    // right
    if (response.status === RANGE_NOT_SATISFIABLE) response = await fetch(url, { signal })
    if (!response.ok || !response.body) throw notFound(url, response)
    const isResumed = response.status === 206
    done = isResumed ? there : 0
    if (!isResumed) await writeFile(part, "")
    await writeFile(etagFile, response.headers.get("etag") ?? "")
    const total = done + Number(response.headers.get("content-length") ?? 0)
    options.onProgress?.(done, total)
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      silence.refresh()
      await appendFile(part, chunk)
      done += chunk.length
      options.onProgress?.(done, total)
    }
    if (total > 0 && done < total) throw new Error(`it ended after ${done} of ${counted(total, "byte")}`)
  } catch (error) {
    if (error instanceof VirtioMsgError) throw error
    const cause =
      (error as Error).cause instanceof Error ? ((error as Error).cause as Error) : (error as Error)
    throw systemFailed(`Cannot download ${url}: ${cause.message}`, {
      hint:
        done > 0
          ? `Try again: it goes on after ${counted(done, "byte")}.`
          : "Without a network, get the file elsewhere and give it: --file FIRMWARE",
      cause: error,
    })
  } finally {
    clearTimeout(silence)
  }
}

function notFound(url: string, response: Response): VirtioMsgError {
  return systemFailed(`${url} answers ${response.status} ${response.statusText}.`, {
    hint: "Get the file elsewhere and give it: --file FIRMWARE",
  })
}

async function readRecord(file: string): Promise<CacheRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(file, "utf8"))
    return typeof record.sha256 === "string" && typeof record.downloaded === "string" ? record : undefined
  } catch {
    return undefined
  }
}

function hash(contents: Uint8Array): string {
  return createHash("sha256").update(contents).digest("hex")
}
