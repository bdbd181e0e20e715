// What Debian's package of Linux's source installs, with the one file of it that is wanted: the whole takes as long to
// unpack in an emulated computer as it takes here to boot it ten times.

import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { DRIVERS_FOLDER } from "../../../host/src/node/linux-guest/prepare.js"
import { preparedGuest } from "../prepared-guest.js"

/** Makes the archive `NAME.tar.xz` in `folder`, and returns its path. */
export async function packLinuxSource(name: string, folder: string): Promise<string> {
  const { folder: prepared } = await preparedGuest()
  const work = mkdtempSync(path.join(tmpdir(), "linux-source-"))
  const place = path.join(work, name, "drivers/i2c/busses")
  mkdirSync(place, { recursive: true })
  cpSync(path.join(prepared, DRIVERS_FOLDER, "i2c-virtio.c"), path.join(place, "i2c-virtio.c"))
  const archive = path.join(folder, `${name}.tar.xz`)
  execFileSync("tar", ["-cJf", archive, "-C", work, name])
  rmSync(work, { recursive: true })
  return archive
}
