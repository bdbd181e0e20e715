// Prepares the Linux guest: a kernel and a root file system out of Debian's packages, with Linux's own virtio
// drivers for I2C and GPIO built for it. The result is cached and needs no network afterwards.

import { mkdir, readFile, rename, writeFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { isFolder } from "../system-root.js"
import { DebianArchive, machineArchitecture, unpackPackage } from "./debian-archive.js"
import {
  type BuiltDrivers,
  buildDrivers,
  extractDriverSources,
  type KernelPackages,
  kernelPackages,
} from "./drivers.js"
import { defaultGuestCache, findNewest, inWorkFolder, keep } from "./guest-cache.js"
import { type GuestFile, packInitramfs } from "./initramfs.js"
import { builtInModules, collectModules, findModules } from "./kernel-modules.js"
import { BRIDGE_MODULE, RELAY_PATH } from "./linux-module.js"
import { RECIPE, recipeHash } from "./recipe.js"
import { requireToolsToPrepare } from "./required-tools.js"
import { unpackKernel } from "./unpacked-kernel.js"

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
  /** Look for a newer kernel at Debian although a guest is prepared. */
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

/**
 * In the prepared folder: the sources of Linux's own drivers that were built, for other kernels of the series, and our
 * module for the bridge, which the guest does not load by itself.
 */
export const DRIVERS_FOLDER = "drivers"

const EMPTY_FOLDERS = ["dev", "proc", "sys", "tmp", "root", "bin"]

/** The guest of this recipe that is already prepared; undefined when there is none. */
export async function findPreparedGuest(cacheFolder = defaultGuestCache()): Promise<GuestImage | undefined> {
  const suffix = `_${recipeHash()}`
  const newest = await findNewest(cacheFolder, suffix)
  return newest === undefined
    ? undefined
    : imageIn(join(cacheFolder, newest), newest.slice(0, -suffix.length))
}

/**
 * Prepares the guest, or finds it prepared. This takes about half a minute and 400 MB of disk for a time, leaves 25 MB,
 * and needs no root. Nothing incomplete is ever found in the cache: a guest gets its name when it is complete.
 * Rejects with MISSING_DEPENDENCY, whose hint says what to install, or SYSTEM_FAILED.
 */
export async function prepareGuest(options: PrepareOptions = {}): Promise<GuestImage> {
  const cacheFolder = options.cacheFolder ?? defaultGuestCache()
  const found = options.refresh ? undefined : await findPreparedGuest(cacheFolder)
  if (found) return found
  requireToolsToPrepare()
  return inWorkFolder(cacheFolder, (work) => prepareIn(work, cacheFolder, options))
}

async function prepareIn(work: string, cacheFolder: string, options: PrepareOptions): Promise<GuestImage> {
  let step = 0
  const begin = () => {
    const title = STEPS[step++]
    if (title !== undefined) options.onProgress?.({ step, count: STEPS.length, title })
  }

  begin()
  const archive = await DebianArchive.open(join(work, "apt"), RECIPE)
  const kernel = await newestKernel(archive)
  const version = await archive.field(kernel.image, "Version")
  const name = `${kernel.release}_${version.replaceAll(/[^\w.+~-]/g, "-")}`
  const folder = join(cacheFolder, `${name}_${recipeHash()}`)
  if (isFolder(folder)) return imageIn(folder, name)

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
  await unpackKernel(join(unpacked, "boot", `vmlinuz-${kernel.release}`), join(result, "kernel"))
  await mkdir(join(result, DRIVERS_FOLDER))
  for (const name of RECIPE.builtDrivers.map((path) => basename(path)))
    await rename(join(sources, name), join(result, DRIVERS_FOLDER, name))
  await rename(drivers.bridge, join(result, DRIVERS_FOLDER, BRIDGE_MODULE))
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
  drivers: BuiltDrivers,
): Promise<GuestFile[]> {
  const moduleFolder = join(unpacked, "lib/modules", kernel.release)
  const builtIn = builtInModules(await readFile(join(moduleFolder, "modules.builtin"), "utf8"))
  const candidates = [...(await findModules(join(moduleFolder, "kernel"))), ...drivers.modules]
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
    { path: RELAY_PATH, bytes: await readFile(drivers.relay), isExecutable: true },
    ...modules.map((module): GuestFile => ({ path: `modules/${module.name}.ko`, bytes: module.bytes })),
    { path: "modules/order", bytes: Buffer.from(order) },
  ]
}

function imageIn(folder: string, name: string): GuestImage {
  return {
    folder,
    kernelPath: join(folder, "kernel"),
    initrdPath: join(folder, "initrd.gz"),
    kernelRelease: name.split("_")[0] ?? name,
  }
}
