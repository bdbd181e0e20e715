// What `virtio-msg attach --bus virtio-msg` does in a stock kernel that has neither the bridge nor Linux's driver for I2C:
// it says what to install, builds what is missing for the kernel that runs, once, and loads it.

import { beforeAll, describe, expect, it } from "vitest"
import { prepareStock, type StockGuest } from "../stock/stock-guest.js"
import { Attached, ROOT } from "./attached.js"
import { installHeaders, kernelHeaders } from "./kernel-headers.js"

/**
 * A compiler takes minutes in an emulated computer: what attach builds it builds on this one (module-build.test.ts), and
 * finds it built in the guest. With MODULES_BUILT_IN=guest it builds all of it there:
 * MODULES_BUILT_IN=guest npx vitest run test/linux/bridge/kernel-bridge.test.ts
 */
const IS_BUILT_IN_GUEST = process.env.MODULES_BUILT_IN === "guest"
export const SOURCE = "linux-source-6.1"
const BRIDGE = "/dist/host/src/node/bridge"
/** Where attach keeps what it has built: of our modules, and of the driver for I2C. */
const PLACES = `import { folderOf } from "${ROOT}${BRIDGE}/module-build.js"
  import { ourModules } from "${ROOT}${BRIDGE}/kernel-module.js"
  import { driverBuild } from "${ROOT}${BRIDGE}/linux-drivers.js"
  console.log(folderOf(ourModules()), folderOf(await driverBuild("i2c-virtio")))`

/**
 * To be called in the suite that boots the guest, where nobody is attached; its modules are in modprobe's folder. Somebody
 * is attached, and the modules are back in that folder, when they are over.
 */
export function buildTests(guest: () => StockGuest): void {
  describe("a kernel that lacks the bridge and the driver for I2C", () => {
    const attached = new Attached(guest, () => "sim-native")
    const run = (command: string) => attached.run(command)

    beforeAll(async () => {
      await run(`rmmod virtio_msg_bridge virtio_msg i2c-virtio; set -e; mkdir /tmp/aside; cd /lib/modules/$(uname -r)
        mv virtio_msg*.ko i2c-virtio.ko /tmp/aside; depmod`)
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

    it("gets what it lacks, and the board's adapter; nothing is built that was built before", async () => {
      const { kernelRelease } = await prepareStock()
      await run(installHeaders(await kernelHeaders(kernelRelease)))
      await run(`mv /usr/bin/${SOURCE}.tar.xz /usr/src`)
      if (!IS_BUILT_IN_GUEST)
        await run(`set -e; set -- $(node --single-threaded --input-type=module -e '${PLACES}')
          mkdir -p $1 $2; cp /tmp/aside/virtio_msg*.ko $1; cp /tmp/aside/i2c-virtio.ko $2`)
      expect((await attached.start()).split("\n").sort()).toEqual([
        "/dev/gpiochip0",
        "/dev/hwrng",
        "/dev/i2c-0",
      ])
      const notes = (await attached.notes()).split("\n")
      expect(notes.filter((line) => /error|warning/.test(line))).toEqual([])
      expect(notes.filter((line) => line.startsWith("Built, and kept in /"))).toHaveLength(
        IS_BUILT_IN_GUEST ? 2 : 0,
      )
      expect(notes.filter((line) => !line.startsWith("Built"))).toEqual([
        ...(IS_BUILT_IN_GUEST
          ? [
              `Building our module for Linux ${kernelRelease}, once ...`,
              `Building Linux's driver i2c-virtio, out of /usr/src/${SOURCE}.tar.xz, for Linux ${kernelRelease}, once ...`,
            ]
          : []),
        "The endpoint is online.",
        "Linux has made 3 nodes of the board's devices.",
        "Ctrl-C ends it.",
      ])
      expect(await run("lsmod | grep -cE '^(virtio_msg|virtio_msg_bridge|i2c_virtio) '")).toBe("3")
      await run("set -e; mv /tmp/aside/* /lib/modules/$(uname -r); depmod")
    })
  })
}
