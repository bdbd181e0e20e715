// Linux's i2c-virtio and gpio-virtio drivers, built from Debian's linux-source for Debian's kernel. No Debian kernel
// enables these drivers. Their sources are unchanged. Our own module, which no kernel has, is built as well.

import { mkdir, rename, writeFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { missingDependency, systemFailed } from "../../errors.js"
import { BRIDGE_MODULE, buildRelay, copyModuleSources, LINUX_MODULES } from "./linux-module.js"
import { RECIPE } from "./recipe.js"
import { CommandError, runCommand } from "./run-command.js"

/**
 * Included before the drivers' own words. i2c-virtio stops waiting when its process gets a signal, and frees what the
 * device is still to write to: Ctrl-C on an `i2cdetect` would damage the kernel's memory. Our devices end each request.
 */
const UNINTERRUPTED = `#include <linux/completion.h>
#define wait_for_completion_interruptible(completion) ({ wait_for_completion(completion); 0; })
`

/** A kernel of Debian, by the names of its packages. */
export interface KernelPackages {
  /** As `uname -r` says, such as `6.1.0-50-armmp`. */
  readonly release: string
  readonly image: string
  readonly headers: string
  readonly commonHeaders: string
  /** The build tools, which run on this machine. */
  readonly kbuild: string
  /** Without architecture, as the name of the tar file in it. */
  readonly source: string
}

/** Names the packages of the kernel whose image package is `image`. Throws SYSTEM_FAILED for an unknown form. */
export function kernelPackages(image: string): KernelPackages {
  const [, abi, series, flavour] = /^linux-image-((\d+\.\d+)\S*)-(armmp|amd64)$/.exec(image) ?? []
  if (abi === undefined || series === undefined)
    throw systemFailed(`${image} is no kernel package such as linux-image-6.1.0-50-armmp.`)
  return {
    release: `${abi}-${flavour}`,
    image,
    headers: `linux-headers-${abi}-${flavour}`,
    commonHeaders: `linux-headers-${abi}-common`,
    kbuild: `linux-kbuild-${series}`,
    source: `linux-source-${series}`,
  }
}

/** Takes the drivers' sources out of the package of Linux's source, into `folder`. */
export async function extractDriverSources(
  file: string,
  kernel: KernelPackages,
  folder: string,
): Promise<void> {
  await mkdir(folder, { recursive: true })
  const members = RECIPE.builtDrivers.map((path) => `${kernel.source}/${path}`)
  // one pass over 1.3 GB without a copy on disk
  const script =
    "set -o pipefail; package=$1 source=$2 folder=$3; shift 3; " +
    'dpkg-deb --fsys-tarfile "$package" | tar -xO "./usr/src/$source.tar.xz" | xz -dc -T0 | tar -x -C "$folder" "$@"'
  await runCommand("bash", ["-c", script, "extract", file, kernel.source, folder, ...members])
  for (const member of members) await rename(join(folder, member), join(folder, basename(member)))
}

/** What was built: the paths of the modules, and of the program that carries frames to ours. */
export interface BuiltDrivers {
  readonly modules: readonly string[]
  readonly relay: string
  /** The module that offers the bridge. The guest does not load it by itself. */
  readonly bridge: string
}

/**
 * Builds the drivers in `sources`, and our own module, against the kernel headers unpacked below `unpacked`.
 * Rejects with MISSING_DEPENDENCY, the compiler's words in the message, when that fails.
 */
export async function buildDrivers(
  kernel: KernelPackages,
  unpacked: string,
  sources: string,
): Promise<BuiltDrivers> {
  const names = [
    ...RECIPE.builtDrivers.map((path) => basename(path, ".c")),
    ...Object.keys(RECIPE.ownModules),
  ]
  for (const [name, source] of Object.entries(RECIPE.ownModules))
    await writeFile(join(sources, `${name}.c`), source)
  await writeFile(join(sources, "Makefile"), `obj-m := ${names.map((name) => `${name}.o`).join(" ")}\n`)
  const ours = join(sources, "linux-module")
  await copyModuleSources(ours)
  const prefix = "arm-linux-gnueabihf-"
  const settings = ["ARCH=arm", `CROSS_COMPILE=${prefix}`, `CC=${prefix}gcc`]
  const modules = [
    ...names.map((name) => join(sources, `${name}.ko`)),
    ...LINUX_MODULES.map((name) => join(ours, `${name}.ko`)),
  ]
  try {
    const uninterrupted = join(sources, "uninterrupted.h")
    await writeFile(uninterrupted, UNINTERRUPTED)
    await makeModules(kernel, unpacked, sources, [...settings, `KCFLAGS=-include ${uninterrupted}`])
    await makeModules(kernel, unpacked, ours, [...settings, "KCFLAGS=-Werror"])
    const bridge = join(ours, BRIDGE_MODULE)
    await runCommand(`${prefix}strip`, ["-g", ...modules, bridge])
    return { modules, relay: await buildRelay(`${prefix}gcc`, ours), bridge }
  } catch (cause) {
    const output = cause instanceof CommandError ? cause.output : String(cause)
    throw missingDependency(`Linux's virtio drivers cannot be built: ${output}`, {
      hint: "The cross compiler that is tested is Debian 12's gcc-arm-linux-gnueabihf.",
      cause,
    })
  }
}

/**
 * Builds the modules in `folder`, against the kernel headers unpacked below `unpacked`, with `settings` of make.
 * Rejects with CommandError.
 */
export async function makeModules(
  kernel: KernelPackages,
  unpacked: string,
  folder: string,
  settings: readonly string[],
): Promise<void> {
  const headers = join(unpacked, "usr/src", kernel.headers)
  // the package's Makefile names the place where it would be installed
  const common = join(unpacked, "usr/src", kernel.commonHeaders)
  await writeFile(join(headers, "Makefile"), `include ${common}/Makefile\n`)
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(DEB_|MAKE)/.test(name)))
  await runCommand("make", ["-s", "-C", headers, `M=${folder}`, ...settings, "modules"], { env })
}
