// Prepares the Linux guest: a kernel and a root file system out of Debian's packages, with Linux's own virtio
// drivers for I2C and GPIO built for it. The result is cached and needs no network afterwards.

import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { DebianArchive, machineArchitecture, unpackPackage } from "./debian-archive.js"
import { buildDrivers, extractDriverSources, type KernelPackages, kernelPackages } from "./drivers.js"
import { type GuestFile, packInitramfs } from "./initramfs.js"
import { builtInModules, collectModules, findModules } from "./kernel-modules.js"
import { RECIPE, recipeHash } from "./recipe.js"
import { requireToolsToPrepare } from "./required-tools.js"

/** A guest that is ready to boot. */
export interface GuestImage {
  readonly kernelPath: string
  readonly initrdPath: string
  /** As `uname -r` says. */
  readonly kernelRelease: string
  /** The folder that both are in. */
  readonly folder: string
}

/** A step of the preparation begins. */
export interface PrepareProgress {
  /** From 1 to `count`. */
  readonly step: number
  readonly count: number
  /** What is being done, such as `Build the drivers`. */
  readonly title: string
}

export interface PrepareOptions {
  /** `guest` in VIRTIO_MSG_CACHE, or in `~/.cache/virtio-msg` when that is not set. */
  readonly cacheFolder?: string
  /** Ask Debian for a newer kernel although a guest is prepared. */
  readonly refresh?: boolean
  readonly onProgress?: (progress: PrepareProgress) => void
}

const STEPS = [
  "Look for Debian's newest kernel",
  "Download the packages (190 MB)",
  "Unpack them",
  "Take the virtio drivers out of Linux's source",
  "Build the drivers",
  "Pack the guest's files",
] as const

const EMPTY_FOLDERS = ["dev", "proc", "sys", "tmp", "root", "bin"]

/** Where prepared guests are kept when nothing else is said. */
export function defaultGuestCache(): string {
  return join(process.env.VIRTIO_MSG_CACHE ?? join(homedir(), ".cache/virtio-msg"), "guest")
}

/** The guest of this recipe that is already prepared; undefined when there is none. */
export async function findPreparedGuest(cacheFolder = defaultGuestCache()): Promise<GuestImage | undefined> {
  const suffix = `_${recipeHash()}`
  const names = (await readdir(cacheFolder).catch(() => [])).filter((name) => name.endsWith(suffix))
  const folders = await Promise.all(
    names.map(async (name) => ({ name, time: (await stat(join(cacheFolder, name))).mtimeMs })),
  )
  const newest = folders.sort((one, other) => other.time - one.time)[0]
  if (newest === undefined) return undefined
  return imageIn(join(cacheFolder, newest.name), newest.name.slice(0, -suffix.length))
}

/**
 * Prepares the guest, or finds it prepared. Takes about half a minute and 400 MB of disk meanwhile, leaves 8 MB,
 * and needs no root. Nothing half-done is ever found in the cache: it gets its name at the end.
 * Rejects with MISSING_DEPENDENCY, whose hint says what to install, NOT_FOUND or CONNECT_FAILED.
 */
export async function prepareGuest(options: PrepareOptions = {}): Promise<GuestImage> {
  const cacheFolder = options.cacheFolder ?? defaultGuestCache()
  const found = options.refresh ? undefined : await findPreparedGuest(cacheFolder)
  if (found) return found
  requireToolsToPrepare()
  await mkdir(cacheFolder, { recursive: true })
  await removeAbandoned(cacheFolder)
  const work = await mkdtemp(join(cacheFolder, `.partial-${process.pid}-`))
  try {
    return await prepareIn(work, cacheFolder, options)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function prepareIn(work: string, cacheFolder: string, options: PrepareOptions): Promise<GuestImage> {
  let step = 0
  const begin = () => {
    const title = STEPS[step++]
    if (title !== undefined) options.onProgress?.({ step, count: STEPS.length, title })
  }

  begin()
  const archive = await DebianArchive.open(join(work, "apt"))
  const kernel = await newestKernel(archive)
  const version = await archive.field(kernel.image, "Version")
  const name = `${kernel.release}_${version.replaceAll(/[^\w.+~-]/g, "-")}`
  const folder = join(cacheFolder, `${name}_${recipeHash()}`)
  if (await isFolder(folder)) return imageIn(folder, name)

  begin()
  const kbuild = `${kernel.kbuild}:${await machineArchitecture()}`
  const packages = [kernel.image, kernel.headers, kernel.commonHeaders, kbuild, ...RECIPE.userPackages]
  const files = await archive.download([...packages, kernel.source], join(work, "packages"))

  begin()
  const unpacked = join(work, "unpacked")
  for (const [packageName, file] of files)
    if (packageName !== kernel.source) await unpackPackage(file, unpacked)

  begin()
  const sources = join(work, "drivers")
  await extractDriverSources(files.get(kernel.source) ?? "", kernel, sources)

  begin()
  const drivers = await buildDrivers(kernel, unpacked, sources)

  begin()
  const result = join(work, "result")
  await mkdir(result)
  const initrd = packInitramfs(await guestFiles(kernel, unpacked, drivers), EMPTY_FOLDERS)
  await writeFile(join(result, "initrd.gz"), initrd)
  await rename(join(unpacked, "boot", `vmlinuz-${kernel.release}`), join(result, "vmlinuz"))
  await keep(result, folder)
  return imageIn(folder, name)
}

async function newestKernel(archive: DebianArchive): Promise<KernelPackages> {
  const depends = await archive.field(RECIPE.kernelPackage, "Depends")
  return kernelPackages(depends.split(/[ ,]/)[0] ?? "")
}

async function guestFiles(
  kernel: KernelPackages,
  unpacked: string,
  drivers: readonly string[],
): Promise<GuestFile[]> {
  const moduleFolder = join(unpacked, "lib/modules", kernel.release)
  const builtIn = builtInModules(await readFile(join(moduleFolder, "modules.builtin"), "utf8"))
  const candidates = [...(await findModules(join(moduleFolder, "kernel"))), ...drivers]
  const modules = await collectModules(RECIPE.modules, candidates, builtIn)
  const order = modules.map((module) => `${module.name}\n`).join("")
  const userFiles = await Promise.all(
    Object.entries(RECIPE.userFiles).map(
      async ([path, source]): Promise<GuestFile> => ({
        path,
        bytes: await readFile(join(unpacked, source)),
        isExecutable: true,
      }),
    ),
  )
  return [
    { path: "init", bytes: Buffer.from(RECIPE.init), isExecutable: true },
    ...userFiles,
    ...modules.map((module): GuestFile => ({ path: `modules/${module.name}.ko`, bytes: module.bytes })),
    { path: "modules/order", bytes: Buffer.from(order) },
  ]
}

/** Gives the result its name; when another process was faster, its result is as good. */
async function keep(result: string, folder: string): Promise<void> {
  try {
    await rename(result, folder)
  } catch (error) {
    if (!(await isFolder(folder))) throw error
  }
}

/** Removes what processes left that were killed. */
async function removeAbandoned(cacheFolder: string): Promise<void> {
  for (const name of await readdir(cacheFolder)) {
    const pid = Number(/^\.partial-(\d+)-/.exec(name)?.[1])
    if (pid > 0 && !isRunning(pid)) await rm(join(cacheFolder, name), { recursive: true, force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() ?? false
}

function imageIn(folder: string, name: string): GuestImage {
  return {
    folder,
    kernelPath: join(folder, "vmlinuz"),
    initrdPath: join(folder, "initrd.gz"),
    kernelRelease: name.split("_")[0] ?? name,
  }
}
