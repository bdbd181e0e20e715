// What `virtio-msg attach --bus virtio-msg` does in a stock kernel that has neither the bridge nor Linux's driver for I2C:
// it says what to install, builds what is missing for the kernel that runs, loads it, and does so once.

import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DRIVERS_FOLDER } from "../../../host/src/node/linux-guest/prepare.js"
import { preparedGuest } from "../prepared-guest.js"
import { prepareStock, type StockGuest } from "../stock/stock-guest.js"
import { Attached, ROOT } from "./attached.js"
import { installHeaders, kernelHeaders } from "./kernel-headers.js"

/** Our module's 12 files take minutes in an emulated computer: it is built on this one, unless this says "guest". */
const BUILT_IN = process.env.MODULE_BUILT_IN ?? ""
const SOURCE = "linux-source-6.1"

/**
 * What Debian's package of Linux's source installs, with the one file of it that is wanted: the whole takes as long to
 * unpack in an emulated computer as it takes here to boot it ten times.
 */
export async function linuxSource(folder: string): Promise<Uint8Array> {
  const { folder: prepared } = await preparedGuest()
  const place = path.join(folder, SOURCE, "drivers/i2c/busses")
  mkdirSync(place, { recursive: true })
  cpSync(path.join(prepared, DRIVERS_FOLDER, "i2c-virtio.c"), path.join(place, "i2c-virtio.c"))
  const archive = path.join(folder, `${SOURCE}.tar.xz`)
  execFileSync("tar", ["-cJf", archive, "-C", folder, SOURCE])
  return readFileSync(archive)
}

/** To be called in the suite that boots the guest, where nobody is attached; its modules are in modprobe's folder. */
export function buildTests(guest: () => StockGuest): void {
  describe("a kernel that lacks the bridge and the driver for I2C", () => {
    const attached = new Attached(guest, () => "sim-native")
    const run = (command: string) => attached.run(command)
    const UNLOAD = "rmmod virtio_msg_bridge virtio_msg i2c-virtio"

    beforeAll(async () => {
      await run(`${UNLOAD}; set -e; mkdir /tmp/aside; cd /lib/modules/$(uname -r)
        mv virtio_msg*.ko i2c-virtio.ko /tmp/aside; depmod`)
    })

    afterAll(async () => {
      await run(
        `set -e; mv /tmp/aside/* /lib/modules/$(uname -r); depmod; modprobe -a virtio_msg_bridge i2c-virtio`,
      )
    })

    it("says in one command what to install", async () => {
      const { code, output } = await guest().sh(attached.command)
      const { kernelRelease } = await prepareStock()
      expect({ code, output }).toEqual({
        code: 4,
        output: `error: This kernel has no /dev/virtio-msg-bridge, and our module cannot be built without the headers of Linux ${kernelRelease}.
hint: Install what is missing: sudo apt-get install linux-headers-${kernelRelease} ${SOURCE}`,
      })
    })

    it("gets what it lacks, built and loaded, and the board's adapter", async () => {
      const { kernelRelease } = await prepareStock()
      await run(installHeaders(await kernelHeaders(kernelRelease)))
      await run(`mv /usr/bin/${SOURCE}.tar.xz /usr/src`)
      if (BUILT_IN !== "guest") await keepOurs()
      expect((await attached.start()).split("\n").sort()).toEqual([
        "/dev/gpiochip0",
        "/dev/hwrng",
        "/dev/i2c-0",
      ])
      const built = `Building Linux's driver i2c-virtio, out of /usr/src/${SOURCE}.tar.xz, for Linux ${kernelRelease}, once ...`
      const notes = (await attached.notes()).split("\n")
      expect(notes.filter((note) => !note.startsWith("Built"))).toEqual([
        ...(BUILT_IN === "guest" ? [`Building our module for Linux ${kernelRelease}, once ...`] : []),
        built,
        "The endpoint is online.",
        "Linux has made 3 nodes of the board's devices.",
        "Ctrl-C ends it.",
      ])
      expect(notes[notes.indexOf(built) + 1]).toMatch(/^Built, and kept in \/\S+\.$/)
      expect(await run("i2cget -y 0 0x54 14; i2cset -y 0 0x54 14 0x25; i2cget -y 0 0x54 14")).toBe(
        "0x66\n0x25",
      )
      await attached.end()
    })

    it("is built once: the next time all of it is only loaded", async () => {
      await run(UNLOAD)
      expect(await attached.start()).toContain("/dev/i2c-0")
      expect(await attached.notes()).not.toMatch(/Buil[dt]/)
      expect(await run("i2cget -y 0 0x54 14")).toBe("0x66")
      await attached.end()
    })

    /** Puts our module, as it was built on this computer, where attach keeps what it built. */
    async function keepOurs(): Promise<void> {
      const place = `import { folderOf } from "${ROOT}/dist/host/src/node/bridge/module-build.js"
        import { ourModules } from "${ROOT}/dist/host/src/node/bridge/kernel-module.js"
        console.log(folderOf(ourModules()))`
      await run(`set -e; F=$(node --single-threaded --input-type=module -e '${place}')
        mkdir -p $F; cp /tmp/aside/virtio_msg*.ko $F`)
    }
  })
}
