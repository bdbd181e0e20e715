// How long an I2C message may be, by board, and how a longer read is split.

import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { BOARDS } from "../../boards/src/index.js"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { transferLimitOf } from "../../host/src/driver/i2c-limits.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { OpenedBus } from "../../host/src/opened-bus.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"

describe("the limit of an I2C message", () => {
  it.each(BOARDS.map((board) => [board.name, board.chip.name]))("is known for %s (%s)", (name, chip) => {
    const { maxBytes, reason } = transferLimitOf({ board: name, hasSimulatedChips: false })
    if (chip === "RP2040") expect([maxBytes, reason]).toEqual([2048, expect.stringContaining("heap")])
    else expect([maxBytes, reason]).toEqual([200, expect.stringContaining(`an ${chip} gives a transaction`)])
  })

  it("is the firmware's own on a board that nobody knows, and the simulated bus' with its chips", () => {
    expect(transferLimitOf({ board: "mine", hasSimulatedChips: false }).maxBytes).toBe(2048)
    expect(transferLimitOf({ board: "ESP32-C3 SuperMini", hasSimulatedChips: true }).maxBytes).toBe(4096)
  })
})

describe("an adapter with a limit", () => {
  const LIMIT = 100
  let clock: VirtualClock
  let board: OpenedBus
  beforeEach(async () => {
    clock = new VirtualClock(1000)
    const machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
    board = new OpenedBus(await clock.run(Bus.open(new JacdacLink(new VmPort(machine), clock), { clock })))
  })
  afterEach(() => board.close())

  it("reads a longer block in several transactions, each from its own register on", async () => {
    const i2c = await clock.run(board.i2c(undefined, { maxTransferBytes: LIMIT }))
    const data = await clock.run(i2c.readBlock(0x50, 0, 256))
    expect(data).toHaveLength(256)
    expect(Buffer.from(data.subarray(0, 24)).toString()).toBe("virtio-msg on a $4 board")
    await clock.run(i2c.writeBlock(0x50, 0xf8, [1, 2, 3, 4, 5, 6, 7, 8]))
    await clock.advance(10)
    const end = await clock.run(i2c.readBlock(0x50, 20, 236))
    expect([...end.subarray(0, 5), ...end.subarray(228)]).toEqual([
      ...Buffer.from("oard\xff", "latin1"),
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
    ])
    expect(await clock.run(i2c.readBlock(0x50, 0, 0))).toHaveLength(0)
  })

  it("refuses what it cannot split: a plain read, a write, and a block beyond the last register", async () => {
    const i2c = await clock.run(board.i2c(undefined, { maxTransferBytes: LIMIT }))
    const refused = {
      code: "INVALID_ARGUMENT",
      message: "An I2C message of 101 bytes is too long. maxTransferBytes of this adapter is 100.",
      hint: "Split it into shorter ones, if the chip allows that.",
    }
    await expect(i2c.transfer(0x50, [{ read: LIMIT + 1 }])).rejects.toMatchObject(refused)
    await expect(i2c.writeBlock(0x50, 0, new Uint8Array(LIMIT))).rejects.toMatchObject(refused)
    await expect(i2c.readBlock(0x50, 200, LIMIT + 1)).rejects.toMatchObject(refused)
    expect(await clock.run(i2c.readBlock(0x50, 200, LIMIT))).toHaveLength(LIMIT)
  })
})
