// The simulated BME280: its registers and modes, and that drivers get the weather it means to show.

import { describe, expect, it } from "vitest"
import { fc } from "../support/seeded-fast-check.js"
import {
  type Calibration,
  compensateDouble,
  compensateInteger,
  decodeCalibration,
  decodeRaw,
  type Weather,
} from "./bosch-compensation.js"
import { BusUser } from "./bus-user.js"

const BME280 = 0x76

const SKIPPED = [0x80, 0, 0, 0x80, 0, 0, 0x80, 0]

async function readCalibration(user: BusUser): Promise<Calibration> {
  return decodeCalibration(await user.readFrom(BME280, 0x88, 26), await user.readFrom(BME280, 0xe1, 7))
}

/** low at 0, high at half of the period. */
function expectedAt(nowMs: number, periodMs: number, low: number, high: number): number {
  const fromTop = Math.abs((nowMs % periodMs) - periodMs / 2)
  return high - ((high - low) * fromTop) / (periodMs / 2)
}

/** The weather of the chip: 21..24 C in 5 minutes and back, 1008..1018 hPa in 10, 40..50 %RH in 7. */
function expectWeather(weather: Weather, atMs: number): void {
  expect(Math.abs(weather.temperature - expectedAt(atMs, 600_000, 21, 24))).toBeLessThan(0.05)
  expect(Math.abs(weather.pressure / 100 - expectedAt(atMs, 1_200_000, 1008, 1018))).toBeLessThan(0.5)
  expect(Math.abs(weather.humidity - expectedAt(atMs, 840_000, 40, 50))).toBeLessThan(1)
}

describe("the reference compensation", () => {
  // BMP280 data sheet 3.12: adc_T 519888, adc_P 415148 give 25.08 C and 100653.27 Pa. For 64 bits it prints
  // 25767236 / 256 Pa; its own formula gives 25767233, which others found too.
  it("gives the data sheet's worked example with the chip's calibration", async () => {
    const calibration = await readCalibration(new BusUser())
    expect(calibration.t).toEqual([27504, 26435, -1000])
    expect(calibration.p).toEqual([36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000])
    expect(calibration.h).toEqual([75, 362, 0, 324, 50, 30])
    const double = compensateDouble(calibration, 519888, 415148, 29000)
    expect(double.temperature).toBeCloseTo(25.08, 2)
    expect(double.pressure).toBeCloseTo(100653.27, 1)
    const integer = compensateInteger(calibration, 519888, 415148, 29000)
    expect(integer.temperature).toBe(25.08)
    expect(integer.pressure).toBe(25767233 / 256)
    expect(integer.humidity).toBeCloseTo(double.humidity, 1)
  })
})

describe("the BME280's measurements", () => {
  it("are within 0.05 C, 0.5 hPa and 1 %RH of its weather, in floating point and in integers", async () => {
    const user = new BusUser()
    const calibration = await readCalibration(user)
    await fc.assert(
      fc.asyncProperty(
        fc.nat(10_000_000),
        fc.constantFrom(1, 2, 3, 4, 5, 7), // every oversampling but "skipped"
        fc.constantFrom(0x00, 0x04, 0x10), // filter off, 2, 16
        async (startMs, oversampling, filter) => {
          user.nowMs = startMs
          const control = (oversampling << 5) | (oversampling << 2) | 1
          await user.write(BME280, 0xf2, oversampling, 0xf5, filter, 0xf4, control)
          user.nowMs += 120
          const { adcT, adcP, adcH } = decodeRaw(await user.readFrom(BME280, 0xf7, 8))
          for (const raw of [adcT, adcP]) expect(raw).not.toBe(0x80000)
          expectWeather(compensateDouble(calibration, adcT, adcP, adcH), startMs)
          expectWeather(compensateInteger(calibration, adcT, adcP, adcH), startMs)
        },
      ),
    )
  })

  it("are exact to 0.001 C, 1 Pa and 0.01 %RH with all samples", async () => {
    const user = new BusUser()
    const calibration = await readCalibration(user)
    await user.write(BME280, 0xf2, 5, 0xf4, 0xb5)
    // x16 each: 1 + 2 x 16 + (2 x 16 + 0.5) x 2 = 98 ms; measured at the end
    user.nowMs = 98
    const { adcT, adcP, adcH } = decodeRaw(await user.readFrom(BME280, 0xf7, 8))
    const weather = compensateDouble(calibration, adcT, adcP, adcH)
    expect(Math.abs(weather.temperature - expectedAt(98, 600_000, 21, 24))).toBeLessThan(0.001)
    expect(Math.abs(weather.pressure - 100 * expectedAt(98, 1_200_000, 1008, 1018))).toBeLessThan(1)
    expect(Math.abs(weather.humidity - expectedAt(98, 840_000, 40, 50))).toBeLessThan(0.01)
  })

  it("have 16 bits with one sample, and 20 with the filter on (4: xlsb)", async () => {
    const user = new BusUser()
    for (user.nowMs = 0; user.nowMs < 200_000; user.nowMs += 10_007) {
      await user.write(BME280, 0xf5, 0x00, 0xf4, 0x25)
      user.nowMs += 10
      const [, , pressure, , , temperature] = await user.readFrom(BME280, 0xf7, 8)
      expect([pressure, temperature]).toEqual([0, 0])
    }
    let seen = 0
    for (let i = 0; i < 20; i++) {
      await user.write(BME280, 0xf5, 0x04, 0xf4, 0x25)
      user.nowMs += 10_007
      seen |= (await user.readByte(BME280, 0xfc)) | (await user.readByte(BME280, 0xf9))
    }
    expect(seen).toBe(0xf0)
  })

  it("show 0x80000 and 0x8000 for what is skipped", async () => {
    const user = new BusUser()
    await user.write(BME280, 0xf4, 0x21) // temperature only
    user.nowMs += 10
    const { adcP, adcT, adcH } = decodeRaw(await user.readFrom(BME280, 0xf7, 8))
    expect(adcP).toBe(0x80000)
    expect(adcT).not.toBe(0x80000)
    expect(adcH).toBe(0x8000)
  })
})

describe("the BME280's modes", () => {
  it("sleep: nothing is measured after power-on", async () => {
    const user = new BusUser()
    user.nowMs = 5000
    expect(await user.readFrom(BME280, 0xf2, 12)).toEqual([0, 0, 0, 0, 0, ...SKIPPED.slice(0, 7)])
  })

  it("forced: measures once, in 8 ms with one sample each, and sleeps again", async () => {
    const user = new BusUser()
    await user.write(BME280, 0xf2, 1, 0xf4, 0x25)
    user.nowMs = 7.9 // 1 + 2 + 2.5 + 2.5 = 8 ms
    expect(await user.readFrom(BME280, 0xf3, 2)).toEqual([0x08, 0x25])
    expect(await user.readFrom(BME280, 0xf7, 8)).toEqual(SKIPPED)
    user.nowMs = 8
    expect(await user.readFrom(BME280, 0xf3, 2)).toEqual([0x00, 0x24])
    const first = await user.readFrom(BME280, 0xf7, 8)
    expect(first).not.toEqual(SKIPPED)
    user.nowMs = 100_000
    expect(await user.readFrom(BME280, 0xf7, 8)).toEqual(first)
  })

  it("forced: the data of a finished measurement outlives the next write, those of an unfinished one are lost", async () => {
    const user = new BusUser()
    await user.write(BME280, 0xf4, 0x25)
    user.nowMs = 2
    await user.write(BME280, 0xf4, 0x24)
    user.nowMs = 20
    expect(await user.readFrom(BME280, 0xf7, 8)).toEqual(SKIPPED)
    await user.write(BME280, 0xf4, 0x25)
    user.nowMs = 40
    await user.write(BME280, 0xf4, 0x24)
    expect(await user.readFrom(BME280, 0xf7, 8)).not.toEqual(SKIPPED)
  })

  it("forced, with mode bits 10 as with 01", async () => {
    const user = new BusUser()
    await user.write(BME280, 0xf4, 0x26)
    user.nowMs = 10
    expect(await user.readFrom(BME280, 0xf4, 1)).toEqual([0x24])
    expect(await user.readFrom(BME280, 0xf7, 8)).not.toEqual(SKIPPED)
  })

  it("normal: measures every 8 + 1000 ms with standby 101, keeping its data in between", async () => {
    const user = new BusUser()
    await user.write(BME280, 0xf5, 0xa0, 0xf2, 1, 0xf4, 0x27)
    const calibration = await readCalibration(user)
    const seen = new Set<string>()
    for (user.nowMs = 0; user.nowMs < 10_080; user.nowMs += 4) {
      // 1008 ms a cycle, of which the first 8 measure
      const intoCycle = user.nowMs % 1008
      const [status, control] = await user.readFrom(BME280, 0xf3, 2)
      expect([status, control]).toEqual([intoCycle < 8 ? 0x08 : 0x00, 0x27])
      const data = await user.readFrom(BME280, 0xf7, 8)
      seen.add(data.join())
      if (user.nowMs < 8) expect(data).toEqual(SKIPPED)
      else {
        const { adcT, adcP, adcH } = decodeRaw(data)
        expectWeather(compensateDouble(calibration, adcT, adcP, adcH), user.nowMs - 504)
      }
    }
    expect(seen.size).toBeLessThanOrEqual(11) // power-on, and one for each of the 10 cycles
    expect(seen.size).toBeGreaterThan(5)
  })

  it("ctrl_hum counts from the next write to ctrl_meas on", async () => {
    const user = new BusUser()
    await user.write(BME280, 0xf4, 0x27)
    await user.write(BME280, 0xf2, 1)
    user.nowMs = 100
    expect(decodeRaw(await user.readFrom(BME280, 0xf7, 8)).adcH).toBe(0x8000)
    await user.write(BME280, 0xf4, 0x27)
    user.nowMs = 200
    expect(decodeRaw(await user.readFrom(BME280, 0xf7, 8)).adcH).not.toBe(0x8000)
  })
})

describe("the BME280's registers", () => {
  it("have identity 0x60, and a reset register that reads 0", async () => {
    const user = new BusUser()
    expect(await user.readByte(BME280, 0xd0)).toBe(0x60)
    expect(await user.readByte(BME280, 0xe0)).toBe(0)
  })

  it("return to their power-on values by 0xb6 in 0xe0, with im_update for 2 ms", async () => {
    const user = new BusUser()
    await user.write(BME280, 0xf5, 0xa0, 0xf2, 1, 0xf4, 0x27)
    user.nowMs = 100
    await user.write(BME280, 0xe0, 0xb5) // not the command
    expect(await user.readFrom(BME280, 0xf2, 4)).toEqual([1, 0, 0x27, 0xa0])
    await user.write(BME280, 0xe0, 0xb6)
    expect(await user.readFrom(BME280, 0xf2, 4)).toEqual([0, 0x01, 0, 0])
    user.nowMs = 102
    expect(await user.readFrom(BME280, 0xf2, 12)).toEqual([0, 0, 0, 0, 0, ...SKIPPED.slice(0, 7)])
  })

  it("cannot be written if they are read-only, and keep no unused bits", async () => {
    const user = new BusUser()
    expect(await user.write(BME280, 0xd0, 0, 0x88, 0, 0xf3, 0xff, 0xf7, 1, 0xf5, 0xff, 0xf2, 0xff)).toBe(0)
    expect(await user.readByte(BME280, 0xd0)).toBe(0x60)
    expect(await user.readByte(BME280, 0x88)).toBe(0x70) // 27504 = 0x6b70
    expect(await user.readFrom(BME280, 0xf2, 6)).toEqual([0x07, 0, 0, 0xfd, 0, 0x80])
  })

  it("are written in pairs, 16 at most; a last single byte is a pointer", async () => {
    const user = new BusUser()
    await user.write(BME280, 0xf2, 3, 0xd0)
    expect(await user.read(BME280, 1)).toEqual([0x60])
    expect(await user.readByte(BME280, 0xf2)).toBe(3)
    const pairs = Array.from({ length: 16 }, (_, i) => [0xf2, i & 7]).flat()
    expect(await user.write(BME280, ...pairs)).toBe(0)
    expect(await user.write(BME280, ...pairs, 0xf2)).toBe(1)
  })
})

describe("Linux's bmp280 driver", () => {
  it("probes it (reset, 2 ms, im_update, id, calibration) and takes one shot as 6.13 and later do", async () => {
    const user = new BusUser()
    const updateBits = async (register: number, mask: number, value: number): Promise<void> => {
      const before = await user.readByte(BME280, register)
      expect(await user.write(BME280, register, (before & ~mask) | value)).toBe(0)
    }
    expect(await user.readByte(BME280, 0xd0)).toBe(0x60)
    expect(await user.write(BME280, 0xe0, 0xb6)).toBe(0)
    user.nowMs += 2
    expect((await user.readByte(BME280, 0xf3)) & 0x01).toBe(0)
    const first = [...(await user.readFrom(BME280, 0x88, 24)), 0, await user.readByte(BME280, 0xa1)]
    const calibration = decodeCalibration(first, await user.readFrom(BME280, 0xe1, 7))
    // humidity x16 before ctrl_meas; temperature x2, pressure x16, sleep; filter 4
    await updateBits(0xf2, 0x07, 0x05)
    await updateBits(0xf4, 0xff, 0x54)
    await updateBits(0xf5, 0x1c, 0x08)
    for (let i = 0; i < 5; i++) {
      await updateBits(0xf4, 0x03, 0x01)
      // its wait, without the constant 1.25 ms that 6.13 to 6.17 forget: 2 x 2.3 + (16 x 2.3 + 0.575) x 2
      user.nowMs += 79.35
      expect((await user.readByte(BME280, 0xf3)) & 0x08).toBe(0)
      const pressure = await user.readFrom(BME280, 0xf7, 3)
      const temperature = await user.readFrom(BME280, 0xfa, 3)
      const humidity = await user.readFrom(BME280, 0xfd, 2)
      const { adcT, adcP, adcH } = decodeRaw([...pressure, ...temperature, ...humidity])
      expectWeather(compensateInteger(calibration, adcT, adcP, adcH), user.nowMs)
      user.nowMs += 30_000
    }
  })
})
