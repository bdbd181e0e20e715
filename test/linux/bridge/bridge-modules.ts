// What the stock guest lacks for the bridge: our own modules, and Linux's drivers for I2C and GPIO, which no Debian
// kernel enables, built for its kernel on this machine. Kept in the cache, by all that they are made of.

import { createHash } from "node:crypto"
import { copyFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { makeModules } from "../../../host/src/node/linux-guest/drivers.js"
import { inWorkFolder, keep } from "../../../host/src/node/linux-guest/guest-cache.js"
import type { GuestFile } from "../../../host/src/node/linux-guest/initramfs.js"
import { copyModuleSources, moduleSources } from "../../../host/src/node/linux-guest/linux-module.js"
import { DRIVERS_FOLDER } from "../../../host/src/node/linux-guest/prepare.js"
import { RECIPE } from "../../../host/src/node/linux-guest/recipe.js"
import { cacheOf } from "../../../host/src/node/make-folder.js"
import { isFolder } from "../../../host/src/node/system-root.js"
import { preparedGuest } from "../prepared-guest.js"
import { kernelHeaders } from "./kernel-headers.js"

const REVISION = 1

/** The modules of our own and the drivers, for the kernel `release`, as files of the stock guest. */
export async function bridgeModules(release: string): Promise<GuestFile[]> {
  const made = JSON.stringify([REVISION, [...moduleSources()]])
  const hash = createHash("sha256").update(made).digest("hex").slice(0, 12)
  const folder = join(cacheOf("guest"), `${release}_bridge_${hash}`)
  if (!isFolder(folder)) await build(release, folder)
  const names = await readdir(folder)
  return Promise.all(
    names.map(async (name) => ({ path: `later/${name}`, bytes: await readFile(join(folder, name)) })),
  )
}

async function build(release: string, folder: string): Promise<void> {
  // whose preparation takes the drivers' sources out of Linux's
  const guest = await preparedGuest()
  await inWorkFolder(cacheOf("guest"), async (work) => {
    const { kernel, unpacked } = await kernelHeaders(release)
    const ours = join(work, "ours")
    await copyModuleSources(ours)
    const drivers = join(work, "drivers")
    await mkdir(drivers)
    const names = RECIPE.builtDrivers.map((path) => basename(path, ".c"))
    for (const name of names)
      await copyFile(join(guest.folder, DRIVERS_FOLDER, `${name}.c`), join(drivers, `${name}.c`))
    await writeFile(join(drivers, "Makefile"), `obj-m := ${names.map((name) => `${name}.o`).join(" ")}\n`)
    const result = join(work, "result")
    await mkdir(result)
    await makeModules(kernel, unpacked, drivers, [])
    await makeModules(kernel, unpacked, ours, ["W=1", "KCFLAGS=-Werror"])
    for (const from of [ours, drivers])
      for (const name of await readdir(from))
        if (name.endsWith(".ko")) await rename(join(from, name), join(result, name))
    await keep(result, folder)
  })
}
