// A board beyond a cable, behind the bridge: its bytecode runs in the DeviceScript virtual machine on this computer, the
// cable is TCP, and `virtio-msg attach --bus virtio-msg` runs in the guest.

import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type BoardServer, serveBoard } from "../../../host/src/node/board-server.js"
import { readFirmware } from "../../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../../host/src/vm/virtual-machine.js"
import { BY_TURNS, edgesByTurns } from "../edges-by-turns.js"
import { expectWithinTwoSeconds } from "../request-times.js"
import { type StockGuest, THIS_MACHINE } from "../stock/stock-guest.js"
import { Attached } from "./attached.js"

/** To be called in the suite that boots the guest, where nobody is attached. */
export function bytecodeTests(guest: () => StockGuest): void {
  describe("a board's bytecode, by virtio-msg all the way", () => {
    const machine = new VirtualMachine({ program: readFirmware("simulated") })
    let board: BoardServer
    const attached = new Attached(guest, () => board.port.replace("127.0.0.1", THIS_MACHINE))
    const run = (command: string) => attached.run(command)

    beforeAll(async () => {
      await machine.start()
      board = await serveBoard(machine, "tcp://127.0.0.1:0")
    })

    afterAll(async () => {
      await board?.close()
      machine.stop()
    })

    it("answers ST's five lines, gives entropy and edges", async () => {
      const nodes = await attached.start()
      expect(await attached.notes()).not.toMatch(/error|warning/)
      expect(nodes.split("\n").sort()).toEqual(["/dev/gpiochip0", "/dev/hvc0", "/dev/hwrng", "/dev/i2c-0"])
      expect(await run("i2cdetect -y 0 | grep ^50")).toMatch(/^50: 50 -- -- -- 54 -- 56/)
      expect(await run("i2cget -y 0 0x54 14; i2cset -y 0 0x54 14 0x25; i2cget -y 0 0x54 14")).toBe(
        "0x66\n0x25",
      )
      expect(await guest().sh("i2cget -y 0 0x33 14")).toMatchObject({ code: 2 })
      expect(
        await run("echo virtio_rng.1 > /sys/class/misc/hw_random/rng_current; head -c 16 /dev/hwrng | wc -c"),
      ).toBe("16")
      expect(await run(edgesByTurns("gpiochip0"))).toMatch(BY_TURNS)
    })

    it("has its shell at the console", async () => {
      // what the terminal echoed before it was told not to is a line of its own, and room for the rest may be short
      const answer = await run(
        `exec 3<>/dev/hvc0; stty -F /dev/hvc0 raw -echo
        for i in $(seq 10); do (echo; echo pins) >&3; timeout 20 grep -a -m 1 LED <&3 && exit 0; done; exit 1`,
      )
      expect(answer).toMatch(/0 +LED +- +[01]/)
    })

    it("is unplugged under load, and is there again when it is back", async () => {
      const { port } = board
      const times = await attached.requestsUnderLoad(async () => {
        await board.close()
        await attached.until("grep -q 'The board is gone' /tmp/notes")
      })
      expectWithinTwoSeconds(times)
      board = await serveBoard(machine, port)
      await attached.until("grep -q 'The board is back' /tmp/notes")
      await attached.endLoad()
      expect(await run("i2cget -y 0 0x54 14")).toBe("0x25")
    })

    it("loses its device model under load, and is there again with the next", async () => {
      const times = await attached.requestsUnderLoad(() => run("kill -9 $(cat /tmp/attach)"))
      expectWithinTwoSeconds(times)
      await attached.start()
      await attached.endLoad()
      expect(await run("i2cget -y 0 0x54 14; i2cdetect -y 0 | grep -c 54")).toBe("0x25\n1")
    })

    it("is taken away when attach is ended", () => attached.end())
  })
}
