// A driver for Texas Instruments' ADS1115, a 16-bit converter of four inputs (SBAS444, 9.6): each input against ground,
// one conversion after the other.

import type { I2cAdapter } from "../driver/i2c-adapter.js"
import { deviceFailed } from "../errors.js"
import type { SensorType } from "./sensor.js"
import { waitForChip } from "./wait-for-chip.js"

const CONVERSION = 0
const CONFIGURATION = 1
const LOW_THRESHOLD = 2
const HIGH_THRESHOLD = 3
/**
 * Configuration that begins one conversion of AIN0 against ground: +-6.144 V, single shot, 860 samples a second, no
 * comparator.
 */
const START_AIN0 = 0x8000 | 0x4000 | 0x0100 | 0x00e0 | 0x0003
const NEXT_INPUT = 0x1000
const FULL_SCALE_V = 6.144
/** 1/860 s and 10 % (7.5), and some more for the oscillator's start. */
const CONVERSION_MS = 2
/** In the configuration's first byte: no conversion runs. */
const AT_REST = 0x80
const INPUTS = 4

export const ADS1115: SensorType = {
  name: "ads1115",
  addresses: [0x48, 0x49, 0x4a, 0x4b],
  quantities: ["AIN0", "AIN1", "AIN2", "AIN3"].map((name) => ({ name, unit: "V", digits: 4 })),
  /** It has no id. But no other chip at these addresses has its threshold registers' values after power-up. */
  async recognise(i2c, address) {
    const [low, high] = await Promise.all([
      i2c.readBlock(address, LOW_THRESHOLD, 2),
      i2c.readBlock(address, HIGH_THRESHOLD, 2),
    ])
    return low[0] === 0x80 && low[1] === 0x00 && high[0] === 0x7f && high[1] === 0xff
  },
  async open(i2c, address) {
    return { read: () => convertAll(i2c, address) }
  },
}

async function convertAll(i2c: I2cAdapter, address: number): Promise<readonly number[]> {
  const volts: number[] = []
  for (let input = 0; input < INPUTS; input++) {
    const configuration = START_AIN0 + input * NEXT_INPUT
    await i2c.transfer(address, [{ write: [CONFIGURATION, configuration >> 8, configuration & 0xff] }])
    volts.push((await converted(i2c, address)) * (FULL_SCALE_V / 32768))
  }
  return volts
}

/** The result of the conversion that was begun: -32768 to 32767. */
async function converted(i2c: I2cAdapter, address: number): Promise<number> {
  // one packet each way, and in this order: if the flag says that the conversion is finished, the value is its result
  const look = async () => {
    const [[status = 0], [high = 0, low = 0]] = await Promise.all([
      i2c.readBlock(address, CONFIGURATION, 2),
      i2c.readBlock(address, CONVERSION, 2),
    ])
    return { isDone: (status & AT_REST) !== 0, value: ((high << 24) >> 16) | low }
  }
  const { isDone, value } = await waitForChip(
    i2c,
    [CONVERSION_MS, CONVERSION_MS],
    look,
    ({ isDone }) => isDone,
  )
  if (isDone) return value
  throw deviceFailed("The ADS1115 goes on converting.", {
    hint: "Does another program set it to convert all the time?",
  })
}
