// The simulated AHT20 and ADS1115 against their data sheets.

import { describe, expect, it } from "vitest"
import { Ads1115 } from "../../firmware/src/chips/ads1115.js"
import { Aht20 } from "../../firmware/src/chips/aht20.js"
import type { Chip } from "../../firmware/src/chips/chip.js"
import { bytesOf, strictBytes, valuesOf } from "./strict-bytes.js"

let nowMs = 0
const now = () => nowMs

function write(chip: Chip, ...bytes: number[]): void {
  expect(chip.write(bytesOf(...bytes), 0, bytes.length)).toBe(true)
}

function read(chip: Chip, length: number): number[] {
  const into = strictBytes(length + 2)
  expect(chip.read(into, 1, length)).toBe(true)
  expect([into[0], into[length + 1]]).toEqual([0, 0]) // nothing beside it
  return valuesOf(into, 1, length)
}

describe("the AHT20", () => {
  const power = () => {
    nowMs = 0
    return new Aht20(now, strictBytes)
  }

  it("is calibrated after 0xBE, or its predecessor's 0xE1, and not before", () => {
    for (const command of [0xbe, 0xe1]) {
      const chip = power()
      expect(read(chip, 1)).toEqual([0])
      write(chip, command, 0x08, 0x00)
      expect(read(chip, 1)).toEqual([0x18])
    }
  })

  it("measures for 80 ms, in which it says busy and shows the values of before", () => {
    const chip = power()
    write(chip, 0xbe, 0x08, 0x00)
    write(chip, 0xac, 0x33, 0x00)
    nowMs = 79
    expect(read(chip, 6)).toEqual([0x98, 0, 0, 0, 0, 0])
    nowMs = 80
    const [status = 0, h1 = 0, h2 = 0, h3 = 0, t1 = 0, t2 = 0] = read(chip, 7)
    expect(status).toBe(0x18)
    const humidity = (((h1 << 12) | (h2 << 4) | (h3 >> 4)) * 100) / 2 ** 20
    const temperature = ((((h3 & 15) << 16) | (t1 << 8) | t2) * 200) / 2 ** 20 - 50
    expect(humidity).toBeCloseTo(35 + (20 * 80) / 360000, 4)
    expect(temperature).toBeCloseTo(20 + (6 * 80) / 240000, 3)
  })

  it("measures only when told so in full, and not after a reset in between", () => {
    const chip = power()
    write(chip, 0xac)
    write(chip, 0xac, 0x00, 0x00)
    expect(read(chip, 1)).toEqual([0])
    write(chip, 0xac, 0x33, 0x00)
    write(chip, 0xba)
    expect(read(chip, 1)).toEqual([0x80]) // restarts for 20 ms
    nowMs = 100
    expect(read(chip, 6)).toEqual([0, 0, 0, 0, 0, 0])
  })

  it("ends its frame with a checksum, and drives nothing behind it", () => {
    const chip = power()
    write(chip, 0xac, 0x33, 0x00)
    nowMs = 200_000
    const frame = read(chip, 9)
    expect(frame.slice(7)).toEqual([0xff, 0xff])
    // a CRC over data and checksum is 0
    let crc = 0xff
    for (const byte of frame.slice(0, 7)) {
      crc ^= byte
      for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? ((crc << 1) ^ 0x131) & 0xff : crc << 1
    }
    expect(crc).toBe(0)
  })
})

describe("the ADS1115", () => {
  const CONFIGURATION = 1
  const OS = 0x8000
  const SINGLE_SHOT = 0x0100
  const power = () => {
    nowMs = 0
    return new Ads1115(0x49, now)
  }
  const readRegister = (chip: Chip, register: number): number => {
    write(chip, register)
    const [high = 0, low = 0] = read(chip, 2)
    return (high << 8) | low
  }
  const configure = (chip: Chip, value: number) => write(chip, CONFIGURATION, value >> 8, value & 0xff)
  const signed = (value: number) => (value << 16) >> 16

  it("has the registers' values of power-up", () => {
    const chip = power()
    expect([0, 1, 2, 3].map((register) => readRegister(chip, register))).toEqual([0, 0x8583, 0x8000, 0x7fff])
    expect(readRegister(chip, 5)).toBe(0x8583) // two bits of the pointer count
  })

  it("converts once when told, for as long as its data rate says, with OS at 0 meanwhile", () => {
    const chip = power()
    configure(chip, OS | (5 << 12) | (1 << 9) | SINGLE_SHOT | (4 << 5)) // AIN1, 4.096 V, 128 SPS
    nowMs = 7
    expect(readRegister(chip, CONFIGURATION) & OS).toBe(0)
    expect(readRegister(chip, 0)).toBe(0)
    nowMs = 8
    expect(readRegister(chip, CONFIGURATION) & OS).toBe(OS)
    expect(readRegister(chip, 0)).toBe(Math.round((1.65 * 32768) / 4.096))
    configure(chip, (6 << 12) | (1 << 9) | SINGLE_SHOT) // without OS nothing begins
    nowMs = 1000
    expect(readRegister(chip, 0)).toBe(Math.round((1.65 * 32768) / 4.096))
  })

  it("converts again and again in continuous mode", () => {
    const chip = power()
    configure(chip, (4 << 12) | (1 << 9) | (7 << 5)) // AIN0, 860 SPS
    nowMs = 15000
    expect(readRegister(chip, 0) / (32768 / 4.096)).toBeCloseTo(3.3, 2)
    nowMs = 30000
    expect(readRegister(chip, 0) / (32768 / 4.096)).toBeCloseTo(0, 2)
    expect(readRegister(chip, CONFIGURATION) & OS).toBe(0)
  })

  it("compares two inputs, in two's complement, and stops at full scale", () => {
    const chip = power()
    const convert = (mux: number, gain: number) => {
      configure(chip, OS | (mux << 12) | (gain << 9) | SINGLE_SHOT | (7 << 5))
      nowMs += 2
      return signed(readRegister(chip, 0))
    }
    expect(convert(0, 1)).toBeCloseTo((-1.65 * 32768) / 4.096, -1) // AIN0 is near 0 V
    expect(convert(3, 3)).toBe((0.5 * 32768) / 1.024) // AIN2 with AIN3
    expect(convert(5, 4)).toBe(32767)
    expect(convert(0, 5)).toBe(-32768)
  })

  it("keeps its thresholds, and drives nothing behind the two bytes of a register", () => {
    const chip = power()
    write(chip, 2, 0x12, 0x34)
    write(chip, 3, 0x56, 0x78)
    write(chip, 2)
    expect(read(chip, 4)).toEqual([0x12, 0x34, 0xff, 0xff])
    expect(readRegister(chip, 3)).toBe(0x5678)
    write(chip, 0, 0xff, 0xff) // the conversion register cannot be written
    expect(readRegister(chip, 0)).toBe(0)
  })
})
