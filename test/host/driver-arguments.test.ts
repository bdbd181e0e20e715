// What callers pass to the drivers: taken as it is, or refused with the value and its range before anything is sent;
// never cut. Their buffers are theirs again as soon as a call returns.

import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import { VirtualClock } from "../../host/src/clock.js"
import type { GpioWatchOptions } from "../../host/src/driver/gpio-watch.js"
import type { I2cMessage } from "../../host/src/driver/i2c-adapter.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import * as p from "../../shared-protocol/src/index.js"
import { ConsoleTestProgram } from "../support/console-test-program.js"
import { GpioTestLines } from "../support/gpio-test-lines.js"
import { MemoryLink } from "../support/memory-link.js"

const RAM = 0x54

let clock: VirtualClock
let bus: OpenedBus

async function open(...types: p.DeviceModel[]): Promise<void> {
  clock = new VirtualClock(1000)
  const link = new MemoryLink(clock, types.length > 0 ? { types } : {})
  bus = new OpenedBus(await clock.run(Bus.open(link, { clock })))
}

afterEach(() => bus.close())

/** The sentence of the INVALID_ARGUMENT that a call ends with. */
async function refusal(call: () => unknown): Promise<string> {
  try {
    await clock.run((async () => call())())
  } catch (error) {
    expect(error).toMatchObject({ name: "VirtioMsgError", code: "INVALID_ARGUMENT", maybeExecuted: false })
    return (error as Error).message
  }
  return "not refused"
}

/** What a program without types may pass. */
const untyped = <T>(value: unknown): T => value as T

describe("an I2C adapter", () => {
  beforeEach(() => open())

  it("refuses registers, values, lengths and bytes that it would have to cut", async () => {
    const i2c = await clock.run(bus.i2c())
    const register = (value: unknown) => `A register is an integer from 0 to 255, not ${value}.`
    const count = (value: unknown) => `The number of bytes to read is an integer from 0 on, not ${value}.`
    for (const wrong of [0x100, -1, 1.5, Number.NaN]) {
      expect(await refusal(() => i2c.readByte(RAM, wrong))).toBe(register(wrong))
      expect(await refusal(() => i2c.readBlock(RAM, wrong, 4))).toBe(register(wrong))
      expect(await refusal(() => i2c.writeByte(RAM, wrong, 1))).toBe(register(wrong))
      expect(await refusal(() => i2c.writeBlock(RAM, wrong, [1]))).toBe(register(wrong))
      expect(await refusal(() => i2c.writeByte(RAM, 2, wrong))).toBe(
        `The value of a register is an integer from 0 to 255, not ${wrong}.`,
      )
      const byte = `Byte 1 is an integer from 0 to 255, not ${wrong}.`
      expect(await refusal(() => i2c.writeBlock(RAM, 2, [1, wrong]))).toBe(byte)
      expect(await refusal(() => i2c.transfer(RAM, [{ write: [1, wrong] }]))).toBe(byte)
      expect(await refusal(() => i2c.probe(wrong))).toMatch(/7 bits/)
    }
    for (const wrong of [-1, 1.5, Number.NaN, untyped<number>("4"), untyped<number>(undefined)]) {
      const shown = typeof wrong === "string" ? '"4"' : wrong
      expect(await refusal(() => i2c.readBlock(RAM, 0, wrong))).toBe(count(shown))
      expect(await refusal(() => i2c.transfer(RAM, [untyped<I2cMessage>({ read: wrong })]))).toBe(
        count(shown),
      )
      if (wrong !== undefined)
        expect(await refusal(() => i2c.transfer(RAM, [{ write: [1], read: wrong }]))).toBe(count(shown))
    }
    for (const wrong of ["ab", 7, null, {}])
      expect(await refusal(() => i2c.writeBlock(RAM, 0, untyped(wrong)))).toMatch(/^Bytes are an array of /)
    expect(await refusal(() => i2c.writeBlock(RAM, 0, Int8Array.of(-1)))).toContain("not -1.")
    expect(await refusal(() => i2c.transfer(0x80, []))).toMatch(/7 bits/)
    expect(await refusal(() => bus.i2c(0, { maxTransferBytes: 0 }))).toMatch(
      /^maxTransferBytes is an integer/,
    )
    expect(await refusal(() => bus.i2c(0, { timeoutMs: Number.NaN }))).toMatch(/^timeoutMs is an integer/)
    // nothing of all that was sent
    expect([...(await clock.run(i2c.readBlock(RAM, 0, 3)))]).toEqual([0x31, 0x32, 0x33])
  })

  it("takes a message with bytes to write and a number to read for a register read", async () => {
    const i2c = await clock.run(bus.i2c())
    const read = i2c.transfer(RAM, [
      { write: [14], read: 1 },
      { write: [0], read: 2 },
      { write: [1] },
      { read: 1 },
    ])
    expect((await clock.run(read)).map((data) => [...data])).toEqual([[0x66], [0x31, 0x32], [0x32]])
  })

  it("copies what it writes: the caller's buffer is the caller's again at once", async () => {
    const i2c = await clock.run(bus.i2c())
    const buffer = Buffer.of(0, 0)
    const calls: Promise<unknown>[] = []
    for (let at = 0; at < 4; at++) {
      buffer.set([at, 0xa0 + at])
      calls.push(...i2c.submit([{ address: RAM, write: buffer, failNext: false }]))
    }
    buffer.fill(0xff)
    await clock.run(Promise.all(calls))
    expect([...(await clock.run(i2c.readBlock(RAM, 0, 4)))]).toEqual([0xa0, 0xa1, 0xa2, 0xa3])
  })

  it("has the options that were given last, also when somebody opened it before", async () => {
    const i2c = await clock.run(bus.i2c())
    expect(await clock.run(bus.i2c(undefined, { maxTransferBytes: 2 }))).toBe(i2c)
    expect(await refusal(() => i2c.transfer(RAM, [{ read: 3 }]))).toContain(
      "maxTransferBytes of this adapter is 2.",
    )
    await clock.run(bus.i2c())
    expect(await refusal(() => i2c.transfer(RAM, [{ read: 3 }]))).toContain(
      "maxTransferBytes of this adapter is 2.",
    )
    await clock.run(bus.i2c(undefined, { maxTransferBytes: 3 }))
    expect(await clock.run(i2c.transfer(RAM, [{ read: 3 }]))).toHaveLength(1)
  })
})

describe("the other drivers", () => {
  it("a GPIO chip refuses lines, values, directions and edges that are none", async () => {
    const lines = new GpioTestLines()
    await open(new p.GpioDevice(lines, allocateBytes))
    const chip = await clock.run(bus.gpio())
    for (const wrong of [2, -1, 0.5, Number.NaN, true])
      expect(await refusal(() => chip.setValue(0, untyped(wrong)))).toBe(
        `The value of a line is an integer from 0 to 1, not ${wrong}.`,
      )
    expect(await refusal(() => chip.setDirection(0, untyped("out")))).toBe(
      'A direction is none or output or input, not "out".',
    )
    const edges = untyped<GpioWatchOptions>({ edges: "up" })
    expect(await refusal(() => chip.watch([1], edges))).toBe('edges is rising or falling or both, not "up".')
    for (const wrong of ["0x1", "1e0", " 1", "1.0", Number.NaN, 1.5])
      expect(await refusal(() => chip.getValue(wrong))).toMatch(/^The GPIO chip has no line /)
    expect(await refusal(() => chip.unmask(0x10001))).toMatch(/^The offset of a line /)
    expect(await refusal(() => chip.setInterruptType(1, -1))).toMatch(/^An interrupt type is /)
    expect(await refusal(() => chip.request(new Uint8Array(9), 2))).toBe(
      "The length of a GPIO request is an integer from 0 to 8, not 9.",
    )
    expect(await refusal(() => chip.request(new Uint8Array(8), 1000))).toMatch(
      /^The length of a GPIO response /,
    )
    expect(lines.directions).toEqual([0, 0, 0, 0])
  })

  it("a console refuses what is no byte, a shell more than one line, a source of randomness what is no length", async () => {
    await open(new p.ConsoleDevice(new ConsoleTestProgram(), allocateBytes, 80, 24))
    const port = await clock.run(bus.console())
    expect(await refusal(() => port.write(untyped("help")))).toMatch(/^Bytes are an array of /)
    expect(await refusal(() => port.write([300]))).toBe("Byte 0 is an integer from 0 to 255, not 300.")
    const shell = await clock.run(bus.shell())
    expect(await refusal(() => shell.run("chips\nstats"))).toBe('A command is one line, not "chips\\nstats".')
    await bus.close()
    await open(
      new p.RngDevice(
        {
          fill(into, offset, length) {
            for (let at = 0; at < length; at++) into[offset + at] = 7
          },
        },
        allocateBytes(0),
      ),
    )
    const rng = await clock.run(bus.rng())
    for (const wrong of [-1, 1.5, Number.NaN])
      expect(await refusal(() => rng.read(wrong))).toBe(
        `The number of random bytes is an integer from 0 on, not ${wrong}.`,
      )
  })
})
