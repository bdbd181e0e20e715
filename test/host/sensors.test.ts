// The sensors' drivers against the simulated chips behind the real VM, in virtual time; and how they are found.

import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { delay, VirtualClock } from "../../host/src/clock.js"
import type { I2cAdapter } from "../../host/src/driver/i2c-adapter.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { findSensors, SENSOR_TYPES, sensorType } from "../../host/src/sensors/sensor-types.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { compileFirmware } from "../support/compile-firmware.js"

const clock = new VirtualClock()
let bus: OpenedBus
let i2c: I2cAdapter

beforeAll(async () => {
  const machine = new VirtualMachine({ program: compileFirmware("main-sensors"), clock })
  bus = new OpenedBus(await clock.run(Bus.open(new JacdacLink(new VmPort(machine), clock), { clock })))
  i2c = await clock.run(bus.i2c())
})

afterAll(() => clock.run(bus.close()))

async function read(name: string, address: number): Promise<Record<string, number | undefined>> {
  const type = sensorType(name)
  const values = await clock.run(type.open(i2c, address).then((sensor) => sensor.read()))
  return Object.fromEntries(type.quantities.map((quantity, at) => [quantity.name, values[at]]))
}

describe("a sensor's driver", () => {
  it("reads the LM75 in steps of half a degree", async () => {
    const { temperature = Number.NaN } = await read("lm75", 0x48)
    expect(temperature).toBeGreaterThanOrEqual(22)
    expect(temperature).toBeLessThanOrEqual(28)
    expect(Number.isInteger(temperature * 2)).toBe(true)
  })

  it("reads the four inputs of the ADS1115", async () => {
    const volts = await read("ads1115", 0x49)
    expect(volts.AIN0).toBeGreaterThanOrEqual(0)
    expect(volts.AIN0).toBeLessThanOrEqual(3.3)
    expect(volts.AIN1).toBeCloseTo(1.65, 3)
    expect(volts.AIN2).toBeCloseTo(0.5, 3)
    expect(volts.AIN3).toBeCloseTo(0, 3)
  })

  it("calibrates the AHT20 where that is due, and checks its frame's checksum", async () => {
    const { temperature, humidity } = await read("aht20", 0x38)
    expect(temperature).toBeGreaterThanOrEqual(19.99)
    expect(temperature).toBeLessThanOrEqual(26.01)
    expect(humidity).toBeGreaterThanOrEqual(34.99)
    expect(humidity).toBeLessThanOrEqual(55.01)
  })

  it("reads the BME280", async () => {
    const { temperature, pressure, humidity } = await read("bme280", 0x76)
    expect(temperature).toBeGreaterThan(20.9)
    expect(pressure).toBeGreaterThan(1007)
    expect(humidity).toBeGreaterThan(39)
  })
})

describe("a chip that is behind this computer's clock, as a simulated one is on a busy computer", () => {
  /** The adapter of a computer whose time passes a hundred times as fast as the board's. */
  const hurried = (): I2cAdapter => {
    const bus = Object.create(i2c.device.bus, {
      clock: {
        value: {
          now: () => clock.now() * 100,
          schedule: (delayMs: number, callback: () => void) => clock.schedule(delayMs / 100, callback),
        },
      },
    })
    return Object.create(i2c, {
      device: { value: Object.create(i2c.device, { bus: { value: bus } }) },
      transfer: { value: i2c.transfer.bind(i2c) },
      readBlock: { value: i2c.readBlock.bind(i2c) },
      readByte: { value: i2c.readByte.bind(i2c) },
    })
  }

  /** The adapter, with registers that show what they are before a measurement, so often. */
  const late = (registers: Readonly<Record<number, readonly number[]>>): I2cAdapter => {
    const left = new Map(Object.keys(registers).map((register) => [Number(register), 30]))
    const readBlock = async (address: number, register: number, length: number) => {
      const times = left.get(register) ?? 0
      left.set(register, times - 1)
      const bytes = registers[register]
      return times > 0 && bytes ? Uint8Array.from(bytes) : i2c.readBlock(address, register, length)
    }
    return Object.create(hurried(), { readBlock: { value: readBlock } })
  }

  it.each([
    ["aht20", 0x38, hurried],
    ["ads1115", 0x49, () => late({ 0: [0x7f, 0xff], 1: [0x45, 0xe3] })],
    ["bme280", 0x76, () => late({ 242: [1, 8, 0x27, 0x40, 0, 0x80, 0, 0, 0x80, 0, 0, 0x80, 0] })],
  ])("%s is waited for until it has measured", async (name, address, adapter) => {
    await clock.run(i2c.transfer(0x38, [{ write: [0xba] }])) // the AHT20 starts again, and has to be calibrated
    await clock.run(delay(clock, 50))
    const type = sensorType(name)
    const values = await clock.run(type.open(adapter(), address).then((sensor) => sensor.read()))
    const after = await clock.run(type.open(i2c, address).then((sensor) => sensor.read()))
    values.forEach((value, at) => {
      expect(Math.abs((value as number) - (after[at] as number))).toBeLessThan(1)
    })
  })

  it("is told when it never measures", async () => {
    const never = { readBlock: { value: async () => Uint8Array.of(0x45, 0xe3) } }
    const sensor = await sensorType("ads1115").open(Object.create(hurried(), never), 0x49)
    await expect(clock.run(sensor.read())).rejects.toMatchObject({
      code: "DEVICE_FAILED",
      message: "The ADS1115 goes on converting.",
    })
  })
})

describe("the search for sensors", () => {
  it("finds each by its registers, and takes no other chip for one", async () => {
    const found = await clock.run(findSensors(i2c))
    // at 0x40 and 0x41 are an INA219 and a PCA9685, at 0x38 an AHT20 that the test above has calibrated
    expect(found.map(({ type, address }) => `${type.name}@${address.toString(16)}`)).toEqual([
      "aht20@38",
      "lm75@48",
      "ads1115@49",
      "bme280@76",
    ])
  })

  it("writes nothing but register numbers: a chip of another kind is not changed by it", async () => {
    const written: number[][] = []
    const fake = {
      probe: async () => true,
      readByte: async () => 0,
      readBlock: async (_: number, __: number, length: number) => new Uint8Array(length),
      transfer: async (_: number, messages: { write?: number[] }[]) => {
        for (const { write } of messages) if (write) written.push(write)
        return [Uint8Array.of(0)]
      },
    }
    expect(await findSensors(fake as unknown as I2cAdapter)).toEqual([])
    expect(written).toEqual([])
  })

  it("has each name once, in lower case, with units", () => {
    const names = SENSOR_TYPES.map((type) => type.name)
    expect(new Set(names).size).toBe(names.length)
    for (const type of SENSOR_TYPES) expect(type.name).toBe(type.name.toLowerCase())
    expect(() => sensorType("thermometer")).toThrow("There is no driver")
  })
})
