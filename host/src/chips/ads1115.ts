// A driver for Texas Instruments' ADS1115, a 16-bit converter of four inputs (SBAS444, 9.6): each input against ground,
// one conversion after the other.

import { delay } from "../clock.js"
import type { I2cAdapter } from "../driver/i2c-adapter.js"
import type { Sensor, SensorType } from "./sensor.js"

const CONVERSION = 0
const CONFIGURATION = 1
const LOW_THRESHOLD = 2
const HIGH_THRESHOLD = 3
/** Begin one conversion; AIN0 against ground, +-6.144 V, single shot, 860 samples a second, no comparator. */
const START_AIN0 = 0x8000 | 0x4000 | 0x0100 | 0x00e0 | 0x0003
const NEXT_INPUT = 0x1000
const FULL_SCALE_V = 6.144
/** 1/860 s and 10 % (7.5), with some more for the oscillator's start. */
const CONVERSION_MS = 2
const INPUTS = 4

class Ads1115 implements Sensor {
  readonly #i2c: I2cAdapter
  readonly #address: number

  constructor(i2c: I2cAdapter, address: number) {
    this.#i2c = i2c
    this.#address = address
  }

  async read(): Promise<readonly number[]> {
    const volts: number[] = []
    for (let input = 0; input < INPUTS; input++) {
      const configuration = START_AIN0 + input * NEXT_INPUT
      await this.#i2c.transfer(this.#address, [
        { write: [CONFIGURATION, configuration >> 8, configuration & 0xff] },
      ])
      await delay(this.#i2c.device.bus.clock, CONVERSION_MS)
      const [high = 0, low = 0] = await this.#i2c.readBlock(this.#address, CONVERSION, 2)
      volts.push(((((high << 24) >> 16) | low) * FULL_SCALE_V) / 32768)
    }
    return volts
  }
}

export const ADS1115: SensorType = {
  name: "ads1115",
  addresses: [0x48, 0x49, 0x4a, 0x4b],
  quantities: ["AIN0", "AIN1", "AIN2", "AIN3"].map((name) => ({ name, unit: "V", digits: 4 })),
  /** It has no id: the thresholds that it has from power-up on are those of no other chip at its addresses. */
  async recognise(i2c, address) {
    const [low, high] = await Promise.all([
      i2c.readBlock(address, LOW_THRESHOLD, 2),
      i2c.readBlock(address, HIGH_THRESHOLD, 2),
    ])
    return low[0] === 0x80 && low[1] === 0x00 && high[0] === 0x7f && high[1] === 0xff
  },
  async open(i2c, address) {
    return new Ads1115(i2c, address)
  },
}
