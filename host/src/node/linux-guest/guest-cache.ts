// Where prepared guests are kept. A folder gets its name when it is complete, so nothing incomplete is ever found.

import { mkdtemp, readdir, rename, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import { cacheOf, makeCacheFolder } from "../make-folder.js"
import { isAlive } from "../runtime-folder.js"
import { isFolder } from "../system-root.js"

/** Where prepared guests are kept when nothing else is said. */
export function defaultGuestCache(): string {
  return cacheOf("guest")
}

/** The name of the newest folder there that ends with `suffix`; undefined when there is none. */
export async function findNewest(cacheFolder: string, suffix: string): Promise<string | undefined> {
  const names = (await readdir(cacheFolder).catch(() => [])).filter((name) => name.endsWith(suffix))
  const folders = await Promise.all(
    names.map(async (name) => ({ name, time: (await stat(join(cacheFolder, name))).mtimeMs })),
  )
  return folders.sort((one, other) => other.time - one.time)[0]?.name
}

/** Runs `make` with a new folder, which is removed afterwards. */
export async function inWorkFolder<T>(cacheFolder: string, make: (work: string) => Promise<T>): Promise<T> {
  makeCacheFolder(cacheFolder)
  await removeAbandoned(cacheFolder)
  const work = await mkdtemp(join(cacheFolder, `.partial-${process.pid}-`))
  try {
    return await make(work)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Gives the result its name. If another process was faster, its result is as good. */
export async function keep(result: string, folder: string): Promise<void> {
  try {
    await rename(result, folder)
  } catch (error) {
    if (!isFolder(folder)) throw error
  }
}

/** Removes folders that killed processes left. */
async function removeAbandoned(cacheFolder: string): Promise<void> {
  for (const name of await readdir(cacheFolder)) {
    const pid = Number(/^\.partial-(\d+)-/.exec(name)?.[1])
    if (pid > 0 && !isAlive(pid)) await rm(join(cacheFolder, name), { recursive: true, force: true })
  }
}
