// The BME280 driver: its arithmetic against the data sheet's reference, and the whole of it against the simulated
// chip behind the real VM, in virtual time.

import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { Bme280, compensate, readCalibration, readRaw } from "../../host/src/sensors/bme280.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { compensateDouble, decodeCalibration, decodeRaw } from "../firmware/bosch-compensation.js"
import { fc } from "../support/seeded-fast-check.js"

describe("the BME280 driver", () => {
  it("computes the data sheet's worked example: 25.08 C and 1006.53 hPa", () => {
    const calibration = {
      t: [27504, 26435, -1000],
      p: [36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000],
      h: [0, 0, 0, 0, 0, 0],
    }
    const weather = compensate(calibration, { temperature: 519888, pressure: 415148, humidity: 0 })
    expect(weather.temperatureC).toBeCloseTo(25.08, 2)
    expect(weather.pressurePa).toBeCloseTo(100653, 0)
  })

  it("decodes and compensates any chip's bytes as the reference does", () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    fc.assert(
      fc.property(bytes(26), bytes(7), bytes(8), (first, second, data) => {
        const ours = compensate(readCalibration(first, second), readRaw(data))
        const calibration = decodeCalibration([...first], [...second])
        const { adcT, adcP, adcH } = decodeRaw([...data])
        const reference = compensateDouble(calibration, adcT, adcP, adcH)
        expect(ours.temperatureC).toBeCloseTo(reference.temperature, 6)
        expect(ours.humidityPercent).toBeCloseTo(reference.humidity, 6)
        if (Number.isFinite(reference.pressure) && Math.abs(reference.pressure) < 1e9)
          expect(ours.pressurePa / reference.pressure).toBeCloseTo(1, 6)
      }),
    )
  })

  it("reads the simulated weather and starts the chip again after a reset", async () => {
    const clock = new VirtualClock()
    const machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
    const bus = new OpenedBus(
      await clock.run(Bus.open(new JacdacLink(new VmPort(machine), clock), { clock })),
    )
    try {
      const i2c = await clock.run(bus.i2c())
      const sensor = await clock.run(Bme280.open(i2c))
      const expectWeather = async () => {
        const weather = await clock.run(sensor.read())
        expect(weather.temperatureC).toBeGreaterThan(20.9)
        expect(weather.temperatureC).toBeLessThan(24.1)
        expect(weather.pressurePa).toBeGreaterThanOrEqual(100_799)
        expect(weather.pressurePa).toBeLessThan(101_800)
        expect(weather.humidityPercent).toBeGreaterThan(39.9)
        expect(weather.humidityPercent).toBeLessThan(50.1)
        return weather
      }
      const first = await expectWeather()
      await clock.advance(60_000)
      const later = await expectWeather()
      expect(later.temperatureC - first.temperatureC).toBeCloseTo(0.6, 1) // 3 degrees in 300 s
      await clock.run(i2c.writeByte(0x76, 0xe0, 0xb6))
      await clock.advance(10)
      await expectWeather()
      // another program measures by itself, without some of the quantities, or with the most samples
      for (const [humidity, measure] of [
        [0, 0x23],
        [1, 0x23],
        [0, 0x27],
        [5, 0x07],
        [0, 0xb7],
        [5, 0x03],
      ] as const) {
        await clock.run(i2c.writeBlock(0x76, 0xf2, [humidity, 0xf4, measure]))
        await clock.advance(300)
        await expectWeather()
      }
      // its setting of the humidity is written, but does not count yet
      await clock.run(i2c.writeBlock(0x76, 0xf2, [0, 0xf4, 0x27]))
      await clock.run(i2c.writeByte(0x76, 0xf2, 1))
      await clock.advance(300)
      await expectWeather()
      await expect(clock.run(Bme280.open(i2c, 0x77))).rejects.toMatchObject({ code: "NACK" })
      await expect(clock.run(Bme280.open(i2c, 0x50))).rejects.toMatchObject({ code: "NOT_FOUND" })
    } finally {
      await bus.close()
      machine.stop()
    }
  })
})
