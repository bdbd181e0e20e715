// Downloading firmware from a real server in this process: resumed, compared, kept, and refused when it changed.

import { createHash, randomBytes } from "node:crypto"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { downloadFirmware } from "../../../host/src/flash/firmware-download.js"

let folder: string
let server: Server
let contents: Buffer
/** How many bytes of an answer get through before the connection breaks. */
let breakAfter: number
let requests: string[]
let url: string

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-download-"))
  contents = randomBytes(200_000)
  breakAfter = Number.POSITIVE_INFINITY
  requests = []
  server = createServer((request, response) => {
    const etag = `"${sha256(contents).slice(0, 8)}"`
    const [, from = "0"] = /bytes=(\d+)-/.exec(String(request.headers.range)) ?? []
    const isSame = request.headers["if-range"] === etag
    const start = isSame ? Number(from) : 0
    requests.push(`${request.headers.range ?? "all"}${isSame ? " of the same file" : ""}`)
    if (request.url === "/none") {
      response.writeHead(404).end()
      return
    }
    if (start > 0 && start >= contents.length) {
      response.writeHead(416).end()
      return
    }
    const body = contents.subarray(start)
    response.writeHead(start > 0 ? 206 : 200, { etag, "content-length": body.length })
    if (body.length <= breakAfter) response.end(body)
    else response.write(body.subarray(0, breakAfter), () => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  if (!address || typeof address === "string") throw new Error("no address")
  url = `http://127.0.0.1:${address.port}/firmware.uf2`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
})

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex")
}

const download = (release: { sha256?: string; sizeBytes?: number } = {}, refresh = false) =>
  downloadFirmware({ url, ...release }, { cacheFolder: folder, refresh })

describe("downloadFirmware", () => {
  it("downloads once, and takes it from the cache afterwards", async () => {
    const first = await download()
    expect(first).toMatchObject({ sha256: sha256(contents), trust: "first download", fromCache: false })
    expect(contents.equals(first.contents)).toBe(true)
    expect(await download()).toMatchObject({ fromCache: true, sha256: sha256(contents) })
    expect(requests).toEqual(["all"])
    expect(JSON.parse(await readFile(path.join(folder, "firmware.uf2.json"), "utf8"))).toMatchObject({
      url,
      sizeBytes: 200_000,
      sha256: sha256(contents),
    })
  })

  it("goes on where it broke off", async () => {
    breakAfter = 70_000
    await expect(download()).rejects.toMatchObject({
      code: "SYSTEM_FAILED",
      hint: expect.stringMatching(/^Try again: it goes on after \d+ bytes\.$/),
    })
    breakAfter = Number.POSITIVE_INFINITY
    expect(contents.equals((await download()).contents)).toBe(true)
    expect(requests).toEqual(["all", expect.stringMatching(/^bytes=\d+- of the same file$/)])
  })

  it("begins anew when the file changed while it was broken off", async () => {
    breakAfter = 70_000
    await expect(download()).rejects.toThrow("Cannot download")
    contents = randomBytes(100_000)
    breakAfter = Number.POSITIVE_INFINITY
    expect(contents.equals((await download()).contents)).toBe(true)
  })

  it("begins anew when all had come, and the attempt ended before the file got its name", async () => {
    const part = path.join(folder, "firmware.uf2.part")
    await writeFile(part, randomBytes(contents.length))
    await writeFile(`${part}.etag`, `"${sha256(contents).slice(0, 8)}"`)
    expect(contents.equals((await download()).contents)).toBe(true)
    expect(requests).toEqual(["bytes=200000- of the same file", "all"])
  })

  it("compares with the SHA-256 and the size that are known beforehand", async () => {
    const right = { sha256: sha256(contents), sizeBytes: contents.length }
    await expect(download({ ...right, sizeBytes: 5 })).rejects.toMatchObject({
      code: "VERSION_MISMATCH",
      message: expect.stringContaining("200000 bytes, not 5"),
    })
    await expect(download({ ...right, sha256: "00" })).rejects.toMatchObject({ code: "VERSION_MISMATCH" })
    expect(await download(right)).toMatchObject({ trust: "pinned" })
    // a cache of another release is no cache of this one
    await expect(download({ sha256: "00" })).rejects.toMatchObject({ code: "VERSION_MISMATCH" })
  })

  it("refuses another file than the first time, unless it is asked for", async () => {
    const first = sha256(contents)
    await download()
    contents = randomBytes(1000)
    await writeFile(path.join(folder, "firmware.uf2"), "damaged")
    await expect(download()).rejects.toMatchObject({
      code: "VERSION_MISMATCH",
      message: expect.stringContaining(`it was ${first}`),
      hint: "If there is a new release, take it: --refresh",
    })
    expect(await download({}, true)).toMatchObject({ sha256: sha256(contents), fromCache: false })
  })

  it("says what to do without a network, and where there is no such file", async () => {
    const gone = downloadFirmware({ url: "http://127.0.0.1:1/f.uf2" }, { cacheFolder: folder })
    await expect(gone).rejects.toMatchObject({
      code: "SYSTEM_FAILED",
      hint: "Without a network, get the file elsewhere and give it: --file FIRMWARE",
    })
    const none = downloadFirmware({ url: url.replace("firmware.uf2", "none") }, { cacheFolder: folder })
    await expect(none).rejects.toMatchObject({
      code: "SYSTEM_FAILED",
      message: expect.stringContaining("answers 404"),
    })
  })
})
