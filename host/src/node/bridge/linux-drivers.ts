// Linux's own drivers that its kernel was built without, as Debian's are without those for I2C and GPIO: built out of
// Linux's source where the distribution's package of it is installed, unchanged.

import { copyFile, readdir, writeFile } from "node:fs/promises"
import { release } from "node:os"
import path from "node:path"
import { RECIPE } from "../linux-guest/recipe.js"
import { CommandError, runCommand } from "../linux-guest/run-command.js"
import { isThere, systemPath } from "../system-root.js"
import { kernelSeries, missingToBuild, sourcePackage } from "./build-needs.js"
import type { LinuxDriver } from "./linux-devices.js"
import { type BuildOptions, builtModules, insmod, type ModuleBuild, mayLoadModules } from "./module-build.js"

/** Where Linux's source is: a folder, or an archive of one. */
interface Source {
  readonly path: string
  /** Of an archive, its first folder. */
  readonly folderInside?: string
}

const ARCHIVE = /\.tar\.(xz|bz2|gz|zst)$/

/** The source file of a driver, below Linux's folder; undefined for one that we never build. */
function fileOf(module: string): string | undefined {
  return RECIPE.builtDrivers.find((file) => path.basename(file, ".c") === module)
}

/** The source of the kernel's series, where its distribution or whoever built the kernel has put it. */
async function findSource(): Promise<Source | undefined> {
  const file = RECIPE.builtDrivers[0]
  const below = systemPath("/usr/src")
  const isOfSeries = (name: string) =>
    name === "linux" || new RegExp(`^linux-source-${kernelSeries(release())}(\\D|$)`).test(name)
  const names = (await readdir(below).catch(() => [])).filter(isOfSeries)
  const folders = [
    systemPath(`/lib/modules/${release()}/source`),
    ...names.map((name) => path.join(below, name)),
  ]
  for (const folder of folders) if (await isThere(path.join(folder, file))) return { path: folder }
  const archive = names.find((name) => ARCHIVE.test(name))
  return archive === undefined
    ? undefined
    : { path: path.join(below, archive), folderInside: archive.replace(ARCHIVE, "") }
}

/** Packages to install before these drivers, which the kernel lacks, can be built. */
export async function packagesForDrivers(missing: readonly LinuxDriver[]): Promise<string[]> {
  if (!missing.some((driver) => fileOf(driver.module) !== undefined)) return []
  const name = (await findSource()) === undefined ? await sourcePackage() : undefined
  return name === undefined ? [] : [name]
}

/**
 * Builds and loads those of `missing` that can be; returns the others, of which a note says what went wrong. All that it
 * takes is there when `packagesForDrivers` and `missingToBuild` say nothing.
 */
export async function buildLinuxDrivers(
  missing: readonly LinuxDriver[],
  options: BuildOptions,
): Promise<LinuxDriver[]> {
  const isAble = (await mayLoadModules()) && (await missingToBuild()).length === 0
  const others: LinuxDriver[] = []
  for (const driver of missing) {
    const build = isAble ? await driverBuild(driver.module) : undefined
    const isThere = build !== undefined && (await addDriver(build, options))
    if (!isThere) others.push(driver)
  }
  return others
}

async function addDriver(build: ModuleBuild, options: BuildOptions): Promise<boolean> {
  try {
    const folder = await builtModules(build, options)
    const [module] = build.modules
    await insmod(path.join(folder, `${module}.ko`))
    return true
  } catch (error) {
    // the board has other devices, too
    options.onNote(`warning: ${error instanceof CommandError ? error.output : (error as Error).message}`)
    return false
  }
}

/**
 * What the driver `module` is made of, and how; undefined for one that we never build, and without Linux's source. One
 * driver at a time: a kernel may have the other.
 */
export async function driverBuild(module: string): Promise<ModuleBuild | undefined> {
  const file = fileOf(module)
  const source = await findSource()
  if (file === undefined || source === undefined) return undefined
  return {
    what: `Linux's driver ${module}, out of ${source.path},`,
    modules: [module],
    key: file,
    writeSources: async (folder) => {
      await writeFile(path.join(folder, "Makefile"), `obj-m := ${module}.o\n`)
      if (source.folderInside === undefined)
        return copyFile(path.join(source.path, file), path.join(folder, path.basename(file)))
      const member = path.join(source.folderInside, file)
      const levels = member.split("/").length - 1
      // only its first copy is wanted: tar need not read on behind it
      const args = ["-x", "-f", source.path, "-C", folder, `--strip-components=${levels}`, "--occurrence=1"]
      await runCommand("tar", [...args, member])
    },
  }
}
