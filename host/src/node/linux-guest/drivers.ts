// Linux's i2c-virtio and gpio-virtio drivers, built out of Debian's linux-source for Debian's kernel: the real
// ones, unchanged, which no Debian kernel enables.

import { mkdir, rename, writeFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { VirtioMsgError } from "../../errors.js"
import { RECIPE } from "./recipe.js"
import { CommandError, runCommand } from "./run-command.js"

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
  const [, abi, series] = /^linux-image-((\d+\.\d+)\S*)-armmp$/.exec(image) ?? []
  if (abi === undefined || series === undefined)
    throw new VirtioMsgError(
      "SYSTEM_FAILED",
      `${image} is no kernel package such as linux-image-6.1.0-50-armmp.`,
    )
  return {
    release: `${abi}-armmp`,
    image,
    headers: `linux-headers-${abi}-armmp`,
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

/**
 * Builds the drivers in `sources` against the kernel headers unpacked below `unpacked`; resolves with the paths
 * of the modules. Rejects with MISSING_DEPENDENCY, the compiler's words in the message, when that fails.
 */
export async function buildDrivers(
  kernel: KernelPackages,
  unpacked: string,
  sources: string,
): Promise<string[]> {
  const headers = join(unpacked, "usr/src", kernel.headers)
  const names = [
    ...RECIPE.builtDrivers.map((path) => basename(path, ".c")),
    ...Object.keys(RECIPE.ownModules),
  ]
  for (const [name, source] of Object.entries(RECIPE.ownModules))
    await writeFile(join(sources, `${name}.c`), source)
  // the package's Makefile names the place where it would be installed
  await writeFile(
    join(headers, "Makefile"),
    HEADERS_MAKEFILE(join(unpacked, "usr/src", kernel.commonHeaders)),
  )
  await writeFile(join(sources, "Makefile"), `obj-m := ${names.map((name) => `${name}.o`).join(" ")}\n`)
  const prefix = "arm-linux-gnueabihf-"
  const settings = [`M=${sources}`, "ARCH=arm", `CROSS_COMPILE=${prefix}`, `CC=${prefix}gcc`]
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(DEB_|MAKE)/.test(name)))
  const modules = names.map((name) => join(sources, `${name}.ko`))
  try {
    await runCommand("make", ["-s", "-C", headers, ...settings, "modules"], { env })
    await runCommand(`${prefix}strip`, ["-g", ...modules])
  } catch (cause) {
    const output = cause instanceof CommandError ? cause.output : String(cause)
    throw new VirtioMsgError("MISSING_DEPENDENCY", `Linux's virtio drivers cannot be built: ${output}`, {
      hint: "The cross compiler that is tested is Debian 12's gcc-arm-linux-gnueabihf.",
      cause,
    })
  }
  return modules
}

const HEADERS_MAKEFILE = (commonHeaders: string) => `include ${commonHeaders}/Makefile\n`
