// A driver for the LM75 thermometer and its many relatives (National Semiconductor's data sheet, 1.10 to 1.13).

import type { I2cAdapter } from "../driver/i2c-adapter.js"
import type { SensorType } from "./sensor.js"

const TEMPERATURE = 0
const CONFIGURATION = 1
const HYSTERESIS = 2
const LIMIT = 3
/** A 16-bit register has 9 bits of a temperature: these bits are always 0. */
const UNUSED_BITS = 0x7f
const UNUSED_CONFIGURATION = 0xe0

export const LM75: SensorType = {
  name: "lm75",
  addresses: [0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f],
  quantities: [{ name: "temperature", unit: "°C", digits: 1 }],
  /**
   * It has no id. But its limits have 9 bits, three bits of its configuration are 0, and hysteresis is below the
   * limit.
   */
  async recognise(i2c, address) {
    const [configuration, hysteresis, limit] = await Promise.all([
      i2c.readByte(address, CONFIGURATION),
      readWord(i2c, address, HYSTERESIS),
      readWord(i2c, address, LIMIT),
    ])
    return (
      (configuration & UNUSED_CONFIGURATION) === 0 &&
      ((hysteresis | limit) & UNUSED_BITS) === 0 &&
      toSigned(hysteresis) < toSigned(limit)
    )
  },
  async open(i2c, address) {
    return { read: async () => [toSigned(await readWord(i2c, address, TEMPERATURE)) / 256] }
  },
}

/** Most significant byte first. */
async function readWord(i2c: I2cAdapter, address: number, register: number): Promise<number> {
  const [high = 0, low = 0] = await i2c.readBlock(address, register, 2)
  return (high << 8) | low
}

function toSigned(word: number): number {
  return (word << 16) >> 16
}
