// How long an I2C message may be, by board, and how a longer read is split.

import { readFileSync } from "node:fs"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { BOARDS } from "../../boards/src/index.js"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { withSettings } from "../../host/src/deploy/program-image.js"
import { transferLimitOf } from "../../host/src/driver/i2c-limits.js"
import { VirtioMsgError } from "../../host/src/errors.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { BoardForwarder } from "../../host/src/node/board-forwarder.js"
import { runTransaction } from "../../host/src/node/usbip/i2c-transactions.js"
import { OpenedBus } from "../../host/src/opened-bus.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { I2C_MAX_TRANSFER_BYTES } from "../../shared-protocol/src/device-types/i2c.js"
import { compileFirmware } from "../support/compile-firmware.js"

describe("the limit of an I2C message", () => {
  it.each(BOARDS.map((board) => [board.name, board.chip.name]))("is known for %s (%s)", (name, chip) => {
    const { maxBytes, reason } = transferLimitOf({ board: name, hasSimulatedChips: false })
    if (chip === "RP2040")
      expect([maxBytes, reason]).toEqual([I2C_MAX_TRANSFER_BYTES, expect.stringContaining("heap")])
    else expect([maxBytes, reason]).toEqual([200, expect.stringContaining(`an ${chip} gives a transaction`)])
  })

  it("is the firmware's own on a board that nobody knows, and with simulated chips", () => {
    for (const board of [
      { board: "mine", hasSimulatedChips: false },
      { board: "ESP32-C3 SuperMini", hasSimulatedChips: true },
    ])
      expect(transferLimitOf(board).maxBytes).toBe(I2C_MAX_TRANSFER_BYTES)
  })

  it("has room for a display's frame of 1 KiB, and is what docs/bus.md says", () => {
    expect(I2C_MAX_TRANSFER_BYTES).toBeGreaterThan(1024)
    const page = readFileSync(new URL("../../docs/bus.md", import.meta.url), "utf8")
    expect(page).toContain(
      `- A message writes or reads at most ${I2C_MAX_TRANSFER_BYTES} bytes, on wires and on `,
    )
    const slow = new Set(BOARDS.flatMap(({ chip }) => chip.maxI2cTransferBytes ?? []))
    expect([...slow]).toEqual([200])
    expect(page).toContain("in which 200 bytes pass at 100 kHz")
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

describe("with all devices of a board open, in any order,", () => {
  const NAMES = ["i2c", "gpio", "rng", "console"] as const
  /** Heap that the firmware holds back from itself. */
  const BALLAST_BYTES = 4096
  const FRAME = Uint8Array.from({ length: 1025 }, (_, at) => at & 0xff) // a display's control byte, then 128 x 64 pixels

  /** A board whose devices were opened in this order. */
  async function open(order: readonly (typeof NAMES)[number][], program = readFirmware("simulated")) {
    const clock = new VirtualClock(1000)
    const machine = new VirtualMachine({ program, clock })
    const panics: unknown[] = []
    machine.onPanic.on((code) => panics.push(code))
    const bus = new OpenedBus(
      await clock.run(Bus.open(new JacdacLink(new VmPort(machine), clock), { clock })),
    )
    for (const name of order) await clock.run<unknown>(bus[name]())
    return { clock, bus, panics, i2c: await clock.run(bus.i2c()), end: () => machine.stop() }
  }

  it.each(ordersOf(NAMES))(
    "%s %s %s %s: there is room for the longest message, and again after a reset",
    async (...order) => {
      const { clock, bus, i2c, panics, end } = await open(order)
      const fits = () => {
        expect(bus.bus.window.driverSpace.longestFree).toBeGreaterThanOrEqual(I2C_MAX_TRANSFER_BYTES)
        expect(bus.bus.window.deviceSpace.longestFree).toBeGreaterThanOrEqual(I2C_MAX_TRANSFER_BYTES)
      }
      fits()
      for (const driver of [i2c, await clock.run(bus.gpio()), await clock.run(bus.console())]) {
        driver.device.fail(new VirtioMsgError("DEVICE_FAILED", "so says the test"))
        await clock.run(driver.start())
      }
      fits()
      expect(panics).toEqual([])
      await bus.close()
      end()
    },
  )

  it("a display's frame and a read as long pass, one byte more than the limit is refused, and nothing is lost", {
    timeout: 60_000,
  }, async () => {
    const ballast = new Map([["test.ballast", "x".repeat(BALLAST_BYTES / 128)]])
    for (const program of [
      readFirmware("simulated"),
      withSettings(compileFirmware("main-ballast"), ballast),
    ]) {
      const { clock, bus, i2c, panics, end } = await open(NAMES, program)
      const { epoch } = bus.board
      await clock.run(i2c.transfer(0x54, [{ write: FRAME }]))
      for (let round = 0; round < 3; round++) {
        const longest = new Uint8Array(I2C_MAX_TRANSFER_BYTES).fill(round)
        const [read] = await clock.run(i2c.transfer(0x54, [{ write: longest, read: longest.length }]))
        expect(read).toHaveLength(I2C_MAX_TRANSFER_BYTES)
        expect(read?.[500]).toBe(round)
      }
      const refused = {
        code: "INVALID_ARGUMENT",
        message:
          "An I2C message of 1033 bytes is too long. The window and the firmware's heap have room for 1032 bytes in a message.",
      }
      for (const message of [{ write: new Uint8Array(1033) }, { read: 1033 }])
        await expect(i2c.transfer(0x54, [message])).rejects.toMatchObject(refused)
      const twice = clock.run(i2c.transfer(0x54, [{ read: 1032 }, { read: 1032 }]))
      await expect(twice).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(
          /^A transfer that writes 0 bytes and reads 2064 does not fit the window, which has room for \d+ bytes to write and \d+ to read\.$/,
        ),
      })
      expect(await clock.run(i2c.readByte(0x50, 0))).toBe("v".charCodeAt(0))
      expect({ panics, epoch: bus.board.epoch }).toEqual({ panics: [], epoch })
      await bus.close()
      end()
    }
  })

  it("a guest's request that is too long fails at once, with a reason for who runs the host, and its neighbours do not", async () => {
    const { clock, bus, end } = await open(NAMES)
    const forwarder = new BoardForwarder(async () => bus)
    await clock.run(forwarder.start())
    const reasons: string[] = []
    forwarder.onRefused.on(({ message }) => reasons.push(message))
    const outcomes = await clock.run(
      Promise.all(
        forwarder.submit([
          { address: 0x54, write: Uint8Array.of(14), failNext: true },
          { address: 0x54, readLength: 1, failNext: false },
          { address: 0x54, write: Uint8Array.of(0), failNext: true },
          { address: 0x54, readLength: 2000, failNext: false },
          { address: 0x54, readLength: 1032, failNext: true },
          { address: 0x54, readLength: 1032, failNext: false },
          { address: 0x54, readLength: 700, failNext: false },
        ]),
      ),
    )
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, false, false, false, false, true])
    expect(reasons).toEqual([
      expect.stringContaining("An I2C message of 2000 bytes is too long."),
      expect.stringContaining("A transfer that writes 0 bytes and reads 2064 does not fit the window"),
    ])
    await forwarder.close()
    end()
  })

  it("a transfer of a computer's own kernel that is too long is refused, and not taken for a chip that is absent", async () => {
    const { clock, bus, end } = await open(NAMES)
    const forwarder = new BoardForwarder(async () => bus)
    await clock.run(forwarder.start())
    const read = (length: number) =>
      clock.run(
        runTransaction(forwarder, [{ address: 0x54, isRead: true, data: new Uint8Array(0), length }], clock),
      )
    expect(await read(2000)).toMatchObject({
      kind: "refused",
      reason: expect.stringContaining("An I2C message of 2000 bytes is too long."),
    })
    const message = { address: 0x54, isRead: true, data: new Uint8Array(0), length: 1032 }
    expect(await clock.run(runTransaction(forwarder, [message, message], clock))).toMatchObject({
      kind: "refused",
      reason: expect.stringContaining("does not fit the window"),
    })
    expect(await read(1032)).toMatchObject({ kind: "done" })
    await forwarder.close()
    end()
  })
})

function ordersOf<T>(names: readonly T[]): T[][] {
  if (names.length <= 1) return [[...names]]
  return names.flatMap((first) =>
    ordersOf(names.filter((name) => name !== first)).map((rest) => [first, ...rest]),
  )
}
