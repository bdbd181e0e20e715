// Debian's headers of a kernel of its, and the programs that they are used with, unpacked and kept: where modules are
// built for the stock guest, on this machine or in it.

import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import {
  DebianArchive,
  machineArchitecture,
  unpackPackage,
} from "../../../host/src/node/linux-guest/debian-archive.js"
import { type KernelPackages, kernelPackages } from "../../../host/src/node/linux-guest/drivers.js"
import { inWorkFolder, keep } from "../../../host/src/node/linux-guest/guest-cache.js"
import { RECIPE } from "../../../host/src/node/linux-guest/recipe.js"
import { cacheOf } from "../../../host/src/node/make-folder.js"
import { isFolder } from "../../../host/src/node/system-root.js"
import { makeOnce } from "../prepared-guest.js"

export interface KernelHeaders {
  readonly kernel: KernelPackages
  /** Below it the packages' files are as they would be below the root. */
  readonly unpacked: string
}

/** Those of the kernel `release`, for this machine's architecture. */
export async function kernelHeaders(release: string): Promise<KernelHeaders> {
  const kernel = kernelPackages(`linux-image-${release}`)
  const folder = join(cacheOf("guest"), `${release}_headers_1`)
  const find = async () => (isFolder(folder) ? folder : undefined)
  const unpacked = await makeOnce(`headers-${release}`, find, async () => {
    await inWorkFolder(cacheOf("guest"), async (work) => {
      const architecture = await machineArchitecture()
      const archive = await DebianArchive.open(join(work, "apt"), { suite: RECIPE.suite, architecture })
      const packages = [kernel.headers, kernel.commonHeaders, kernel.kbuild]
      const result = join(work, "unpacked")
      await mkdir(result)
      for (const file of (await archive.download(packages, join(work, "packages"))).values())
        await unpackPackage(file, result)
      // which names the place where it would be installed
      const makefile = join(result, "usr/src", kernel.headers, "Makefile")
      await writeFile(makefile, `include ${join(folder, "usr/src", kernel.commonHeaders)}/Makefile\n`)
      await keep(result, folder)
    })
    return folder
  })
  return { kernel, unpacked }
}

/** Commands that install them in a guest that has this machine's files, as Debian's packages would. */
export function installHeaders({ kernel, unpacked }: KernelHeaders): string {
  const { release, headers, commonHeaders, kbuild } = kernel
  return `set -e
    for name in ${headers} ${commonHeaders}; do ln -sfn ${unpacked}/usr/src/$name /usr/src/$name; done
    ln -sfn ${unpacked}/usr/lib/${kbuild} /usr/lib/${kbuild}
    echo include /usr/src/${commonHeaders}/Makefile > /usr/src/${headers}/Makefile
    ln -sfn /usr/src/${headers} /lib/modules/${release}/build
    ln -sfn /usr/src/${commonHeaders} /lib/modules/${release}/source`
}
