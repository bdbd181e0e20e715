// The simulated RAM, LM75 and 24C02, the bus they sit on, and what holds for every chip. The BME280 has its own file.

import { describe, expect, it } from "vitest"
import { Ram } from "../../firmware/src/chips/ram.js"
import { demoChips, SimulatedBus } from "../../firmware/src/chips/simulated-bus.js"
import { I2C_MAX_TRANSFER_BYTES as MOST } from "../../shared-protocol/src/device-types/i2c.js"
import { fc } from "../support/seeded-fast-check.js"
import { BusUser } from "./bus-user.js"
import { ascii, bytesOf, strictBytes, valuesOf } from "./strict-bytes.js"

const LM75 = 0x48
const EEPROM = 0x50
const RAM = 0x54

describe("the RAM chips of ST's demonstration", () => {
  it("pass the acceptance script: offset 14 reads 0x66, is set to 0x25, and reads 0x25", async () => {
    const user = new BusUser()
    expect(await user.readByte(RAM, 14)).toBe(0x66)
    expect(await user.write(RAM, 14, 0x25)).toBe(0)
    expect(await user.readByte(RAM, 14)).toBe(0x25)
  })

  it("hold their texts of 19 characters and a terminating 0", async () => {
    const user = new BusUser()
    expect(await user.readFrom(0x54, 0, 20)).toEqual(ascii("123456789abcdefghij\0"))
    expect(await user.readFrom(0x56, 0, 20)).toEqual(ascii("klmnopqrstuvwxyz!:;\0"))
  })

  it("advance one pointer with reads and writes and wrap from byte 19 to byte 0", async () => {
    const user = new BusUser()
    await user.write(RAM, 18, 0xa1, 0xa2, 0xa3)
    expect(await user.read(RAM, 2)).toEqual(ascii("23"))
    expect(await user.readFrom(RAM, 17, 5)).toEqual([...ascii("i"), 0xa1, 0xa2, 0xa3, ...ascii("2")])
  })

  it("count an offset of 20 or more modulo 20", async () => {
    expect(await new BusUser().readFrom(RAM, 34, 1)).toEqual([0x66])
    expect(await new BusUser().readFrom(RAM, 255, 1)).toEqual(ascii("g")) // 255 % 20 = 15
  })

  it("behave as 20 cells under any write and read of any length", () => {
    const message = fc.record({
      start: fc.nat(255),
      data: fc.array(fc.nat(255), { maxLength: 100, size: "max" }),
      count: fc.integer({ min: 1, max: 300 }),
    })
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
        const chip = new Ram(RAM, "123456789abcdefghij", strictBytes)
        const model = ascii("123456789abcdefghij\0")
        for (const { start, data, count } of messages) {
          chip.write(bytesOf(start, ...data), 0, 1 + data.length)
          for (const [i, value] of data.entries()) model[(start + i) % 20] = value
          const into = strictBytes(count)
          chip.read(into, 0, count)
          const first = start + data.length
          const expected = Array.from({ length: count }, (_, i) => model[(first + i) % 20])
          expect(valuesOf(into, 0, count)).toEqual(expected)
        }
      }),
    )
  })
})

describe("the LM75", () => {
  it("goes from 22.0 to 28.0 C and back in 60 s, in steps of 0.5 C", async () => {
    const user = new BusUser()
    // left-justified: the high byte is whole degrees, bit 7 of the low byte half a degree
    for (const [nowMs, high, low] of [
      [0, 22, 0],
      [1249, 22, 0], // 6 C in 30 s: half a degree each 2.5 s, rounded
      [1250, 22, 0x80],
      [2500, 22, 0x80],
      [15000, 25, 0],
      [30000, 28, 0],
      [45000, 25, 0],
      [59999, 22, 0],
      [60000 * 1440 * 365 + 2500, 22, 0x80],
    ] as const) {
      user.nowMs = nowMs
      expect(await user.readFrom(LM75, 0, 2)).toEqual([high, low])
    }
  })

  it("has Thyst 75 C, Tos 80 C and configuration 0 at power-on", async () => {
    const user = new BusUser()
    expect(await user.readFrom(LM75, 2, 2)).toEqual([0x4b, 0x00]) // 75 = 0x4b
    expect(await user.readFrom(LM75, 3, 2)).toEqual([0x50, 0x00]) // 80 = 0x50
    expect(await user.readByte(LM75, 1)).toBe(0)
  })

  it("keeps 9 bits of a limit, and the 5 bits that the configuration has", async () => {
    const user = new BusUser()
    await user.write(LM75, 3, 0xe7, 0xff) // -24.5 C is 0xe780
    expect(await user.readFrom(LM75, 3, 2)).toEqual([0xe7, 0x80])
    await user.write(LM75, 2, 0x46) // the first byte alone: the half degree stays
    expect(await user.readFrom(LM75, 2, 2)).toEqual([0x46, 0x00])
    await user.write(LM75, 1, 0xfe)
    expect(await user.readFrom(LM75, 1, 2)).toEqual([0x1e, 0x1e])
  })

  it("ignores a write to the temperature and shows 0xff after two bytes", async () => {
    const user = new BusUser()
    await user.write(LM75, 0, 0x11, 0x22)
    expect(await user.read(LM75, 5)).toEqual([22, 0, 0xff, 0xff, 0xff])
  })

  it("keeps its temperature while shut down", async () => {
    const user = new BusUser()
    await user.write(LM75, 1, 1)
    user.nowMs = 30000
    expect(await user.readFrom(LM75, 0, 2)).toEqual([22, 0])
    await user.write(LM75, 1, 0)
    expect(await user.readFrom(LM75, 0, 2)).toEqual([28, 0])
  })

  it("is what Linux's lm75_detect looks for: unused registers show the last value, addresses cycle by 8", async () => {
    const user = new BusUser()
    const configuration = await user.readByte(LM75, 1)
    expect(configuration & 0xe0).toBe(0)
    expect(await user.readByte(LM75, 7)).not.toBe(0xa1) // that would be an LM75A
    const hysteresis = await user.readByte(LM75, 2)
    for (const unused of [4, 5, 6, 7]) expect(await user.readByte(LM75, unused)).toBe(hysteresis)
    const limit = await user.readByte(LM75, 3)
    for (const unused of [4, 5, 6, 7]) expect(await user.readByte(LM75, unused)).toBe(limit)
    for (let i = 8; i <= 248; i += 40) {
      expect(await user.readByte(LM75, i + 1)).toBe(configuration)
      expect(await user.readByte(LM75, i + 2)).toBe(hysteresis)
      expect(await user.readByte(LM75, i + 3)).toBe(limit)
    }
  })
})

describe("the 24C02", () => {
  it("is erased but for its greeting", async () => {
    const user = new BusUser()
    const expected = [...ascii("virtio-msg on a $4 board"), ...Array<number>(232).fill(0xff)]
    expect(await user.readFrom(EEPROM, 0, 256)).toEqual(expected)
  })

  it("reads on from where it stopped, and rolls over after byte 255", async () => {
    const user = new BusUser()
    expect(await user.readFrom(EEPROM, 254, 4)).toEqual([0xff, 0xff, ...ascii("vi")])
    expect(await user.read(EEPROM, 4)).toEqual(ascii("rtio"))
  })

  it("rolls a write over within its page of 8 bytes", async () => {
    const user = new BusUser()
    await user.write(EEPROM, 0x2e, 1, 2, 3, 4) // 0x2e, 0x2f, then 0x28, 0x29
    user.nowMs += 5
    expect(await user.read(EEPROM, 1)).toEqual([0xff]) // the pointer is at 0x2a
    expect(await user.readFrom(EEPROM, 0x28, 9)).toEqual([3, 4, 0xff, 0xff, 0xff, 0xff, 1, 2, 0xff])
  })

  it("leaves the pointer within the page after a write up to its end", async () => {
    const user = new BusUser()
    await user.write(EEPROM, 6, 0x41, 0x42)
    user.nowMs += 5
    expect(await user.read(EEPROM, 1)).toEqual(ascii("v")) // byte 0, not 8 ("s")
  })

  it("keeps the last 8 bytes of a longer write", async () => {
    const user = new BusUser()
    await user.write(EEPROM, 0x22, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    user.nowMs += 5
    // 1..6 at 0x22..0x27, 7 8 at 0x20 0x21, 9 10 over 1 2
    expect(await user.readFrom(EEPROM, 0x20, 9)).toEqual([7, 8, 9, 10, 3, 4, 5, 6, 0xff])
  })

  it("does not acknowledge for 5 ms after a write, and does for a pointer alone", async () => {
    const user = new BusUser()
    expect(await user.write(EEPROM, 0x40)).toBe(0)
    expect(await user.write(EEPROM, 0x40, 0xaa)).toBe(0)
    user.nowMs += 4.9
    expect(await user.probe(EEPROM)).toBe(1)
    expect(await user.write(EEPROM, 0x40, 0xbb)).toBe(1)
    expect(await user.read(EEPROM, 1)).toBe(2)
    user.nowMs += 0.1
    expect(await user.probe(EEPROM)).toBe(0)
    expect(await user.readFrom(EEPROM, 0x40, 2)).toEqual([0xaa, 0xff])
  })

  it("refuses a read in the transaction of a write, whose cycle it has begun", async () => {
    const user = new BusUser()
    expect(await user.bus.transfer(EEPROM, bytesOf(0x40, 0xaa), 0, 2, 1)).toBe(2)
  })

  it("can be filled page by page, polling for the acknowledge, and read back in one go", async () => {
    const user = new BusUser()
    const image = Array.from({ length: 256 }, (_, i) => (i * 37) & 0xff)
    for (let at = 0; at < 256; at += 8) {
      while ((await user.write(EEPROM, at, ...image.slice(at, at + 8))) !== 0) user.nowMs++
    }
    expect(user.nowMs).toBe(31 * 5)
    user.nowMs += 5
    expect(await user.readFrom(EEPROM, 0, 256)).toEqual(image)
  })
})

describe("the simulated bus", () => {
  it("answers a probe with 0 where a chip is, and with 1 elsewhere", async () => {
    const user = new BusUser()
    const found: number[] = []
    for (let address = 0x08; address <= 0x77; address++) {
      if ((await user.probe(address)) === 0) found.push(address)
    }
    expect(found).toEqual([0x48, 0x50, 0x54, 0x56, 0x76])
  })

  it("returns 1 for a write and for a read where no chip is", async () => {
    const user = new BusUser()
    expect(await user.write(0x20, 1)).toBe(1)
    expect(await user.read(0x20, 1)).toBe(1)
  })

  it("takes the bytes to write from their offset", async () => {
    const user = new BusUser()
    expect(await user.bus.transfer(RAM, bytesOf(9, 9, 3, 0x77, 9), 2, 2, 0)).toBe(0)
    expect(await user.readFrom(RAM, 2, 3)).toEqual([0x33, 0x77, 0x35])
  })

  it("reads up to I2C_MAX_TRANSFER_BYTES, and carries out the write before a longer read that it refuses", async () => {
    const user = new BusUser()
    const long = (await user.readFrom(EEPROM, 0, MOST)).slice(1024, 1026)
    expect(long).toEqual(ascii("vi"))
    expect(await user.bus.transfer(RAM, bytesOf(0, 0x7e), 0, 2, MOST + 1)).toBe(2)
    expect(await user.readFrom(RAM, 0, 1)).toEqual([0x7e])
  })

  it("refuses a longer write", async () => {
    const user = new BusUser()
    expect(await user.bus.transfer(RAM, strictBytes(MOST + 1), 0, MOST + 1, 0)).toBe(1)
    expect(await user.bus.transfer(RAM, strictBytes(MOST), 0, MOST, 0)).toBe(0)
  })
})

describe("every chip", () => {
  const step = fc.record({
    waitMs: fc.oneof(fc.nat(10), fc.nat(2 ** 31), fc.double({ min: 0, max: 1000, noNaN: true })),
    // registers that matter more often than chance would have them
    write: fc.array(fc.oneof(fc.nat(255), fc.constantFrom(0xe0, 0xb6, 0xf2, 0xf4, 0xf5)), {
      maxLength: 100,
      size: "max",
    }),
    read: fc.nat(600),
    offset: fc.nat(40),
  })

  it("survives any bytes at any time, and stays within the range it was given", () => {
    fc.assert(
      fc.property(fc.nat(4), fc.array(step, { maxLength: 20 }), (index, steps) => {
        let nowMs = 0
        const chip = demoChips(() => nowMs, strictBytes)[index]
        if (chip === undefined) throw new Error(`no chip ${index}`)
        for (const { waitMs, write, read, offset } of steps) {
          nowMs += waitMs
          const padding = Array<number>(offset).fill(0)
          if (write.length > 0) chip.write(bytesOf(...padding, ...write), offset, write.length)
          const isReady = chip.ready()
          if (read === 0) continue
          const into = strictBytes(offset + read + 40)
          into.fillAt(0, into.length, 0xa5)
          expect(chip.read(into, offset, read)).toBe(isReady)
          expect(valuesOf(into, 0, offset).every((value) => value === 0xa5)).toBe(true)
          expect(valuesOf(into, offset + read, 40).every((value) => value === 0xa5)).toBe(true)
        }
      }),
    )
  })

  it("answers every transfer with 0, 1 or 2", async () => {
    const address = fc.oneof(fc.constantFrom(0x48, 0x50, 0x54, 0x56, 0x76), fc.nat(127))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(address, step), { maxLength: 10 }), async (transfers) => {
        let nowMs = 0
        const bus = new SimulatedBus(
          demoChips(() => nowMs, strictBytes),
          strictBytes,
        )
        for (const [target, { waitMs, write, read }] of transfers) {
          nowMs += waitMs
          const status = await bus.transfer(target, bytesOf(...write), 0, write.length, read)
          expect([0, 1, 2]).toContain(status)
        }
      }),
    )
  })
})
