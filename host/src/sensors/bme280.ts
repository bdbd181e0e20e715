// A driver for Bosch's BME280 on any I2C adapter of ours: temperature, pressure and humidity in physical units
// (data sheet BST-BME280-DS002: 4.2.2 calibration, 8.1 compensation in floating point, 5.4 registers).

import type { I2cAdapter } from "../driver/i2c-adapter.js"
import { deviceFailed, notFound } from "../errors.js"
import { hex } from "../hex.js"
import type { SensorType } from "./sensor.js"
import { waitForChip } from "./wait-for-chip.js"

/** Where the chip is with its SDO pin low; 0x77 with it high. */
export const BME280_ADDRESS = 0x76

const CALIBRATION = 0x88
const CALIBRATION_LENGTH = 26
const CALIBRATION_HUMIDITY = 0xe1
const CALIBRATION_HUMIDITY_LENGTH = 7
const ID = 0xd0
const CHIP_ID = 0x60
const CTRL_HUM = 0xf2
const CTRL_MEAS = 0xf4
const CONFIG = 0xf5
/** ctrl_hum, status, ctrl_meas, config, one unused, then the eight data registers. */
const STATE = CTRL_HUM
const STATE_LENGTH = 13
const DATA_IN_STATE = 5
const SLEEP_MODE = 0
const NORMAL_MODE = 3
/** One sample of each quantity; normal mode. */
const ONCE_EACH = (1 << 5) | (1 << 2) | NORMAL_MODE
/** 125 ms between two measurements, no filter. */
const STANDBY_125_MS = 2 << 5
/** The first measurement takes 9.3 ms at most (9.1). */
const FIRST_MEASUREMENT_MS = 10
/** What the registers of a quantity hold while it is not measured: 20 bits, of humidity 16. */
const NOT_MEASURED = 0x80000
const NO_HUMIDITY = 0x8000

export interface Weather {
  /** Degrees Celsius. */
  readonly temperatureC: number
  /** Pascal. */
  readonly pressurePa: number
  /** Relative humidity, 0 to 100 percent. */
  readonly humidityPercent: number
}

/** The raw values of the converter: 20, 20 and 16 bits. */
export interface RawWeather {
  readonly temperature: number
  readonly pressure: number
  readonly humidity: number
}

/** The chip's calibration, by the data sheet's names: dig_T1 is `t[0]`. */
export interface Bme280Calibration {
  readonly t: readonly number[]
  readonly p: readonly number[]
  readonly h: readonly number[]
}

/**
 * A BME280 on the I2C bus: temperature, pressure, humidity.
 *
 * @example
 * ```ts
 * import { Bme280, openBus } from "virtio-msg"
 *
 * const bus = await openBus({ port: "sim" })
 * const sensor = await Bme280.open(await bus.i2c())
 * const { temperatureC, pressurePa, humidityPercent } = await sensor.read()
 * console.log(temperatureC.toFixed(1), Math.round(pressurePa), Math.round(humidityPercent))
 * await bus.close()
 * ```
 */
export class Bme280 {
  readonly #i2c: I2cAdapter
  readonly #address: number
  readonly #calibration: Bme280Calibration

  private constructor(i2c: I2cAdapter, address: number, calibration: Bme280Calibration) {
    this.#i2c = i2c
    this.#address = address
    this.#calibration = calibration
  }

  /**
   * Finds the chip at `address` and reads its calibration. Rejects with NOT_FOUND when another chip answers,
   * with NACK when none does, and as `I2cAdapter.transfer`.
   */
  static async open(i2c: I2cAdapter, address = BME280_ADDRESS): Promise<Bme280> {
    // read in one turn of the event loop: one packet each way
    const [id, first, second] = await Promise.all([
      i2c.readByte(address, ID),
      i2c.readBlock(address, CALIBRATION, CALIBRATION_LENGTH),
      i2c.readBlock(address, CALIBRATION_HUMIDITY, CALIBRATION_HUMIDITY_LENGTH),
    ])
    if (id !== CHIP_ID)
      throw notFound(`The chip at ${hex(address)} is no BME280: its id is ${hex(id)}, not 0x60.`, {
        hint: "A BME280 with SDO high is at 0x77; a BMP280 (0x58) measures no humidity.",
      })
    return new Bme280(i2c, address, readCalibration(first, second))
  }

  /**
   * The newest measurement: one packet each way. If the chip does not measure all three quantities by itself, it is
   * set to do so, and the first measurement takes 10 ms or more. That is so after a reset, or when another program set
   * it otherwise. Rejects as `I2cAdapter.transfer`, and with DEVICE_FAILED when a quantity is not measured.
   */
  async read(): Promise<Weather> {
    let state = await this.#readState()
    if (!measuresAll(state)) {
      await this.#start()
      const readState = () => this.#readState()
      state = await waitForChip(
        this.#i2c,
        [FIRST_MEASUREMENT_MS, FIRST_MEASUREMENT_MS],
        readState,
        measuresAll,
      )
    }
    const raw = readRaw(state.subarray(DATA_IN_STATE))
    const missing = notMeasured(raw)
    if (missing.length > 0)
      throw deviceFailed(`The BME280 has not measured ${missing.join(" and ")}.`, {
        hint: "Read again; does another program set it to measure something else?",
      })
    return compensate(this.#calibration, raw)
  }

  async #start(): Promise<void> {
    // config can only be set while it sleeps (5.4.6). The setting for humidity only counts from the next write to
    // ctrl_meas (5.4.3), so that one comes last
    await this.#i2c.transfer(this.#address, [
      { write: [CTRL_MEAS, SLEEP_MODE, CTRL_HUM, 1, CONFIG, STANDBY_125_MS, CTRL_MEAS, ONCE_EACH] },
    ])
  }

  #readState(): Promise<Uint8Array> {
    return this.#i2c.readBlock(this.#address, STATE, STATE_LENGTH)
  }
}

export const BME280: SensorType = {
  name: "bme280",
  addresses: [BME280_ADDRESS, 0x77],
  quantities: [
    { name: "temperature", unit: "°C", digits: 2 },
    { name: "pressure", unit: "hPa", digits: 1 },
    { name: "humidity", unit: "%", digits: 1 },
  ],
  async recognise(i2c, address) {
    return (await i2c.readByte(address, ID)) === CHIP_ID
  },
  async open(i2c, address) {
    const chip = await Bme280.open(i2c, address)
    return {
      async read() {
        const { temperatureC, pressurePa, humidityPercent } = await chip.read()
        return [temperatureC, pressurePa / 100, humidityPercent]
      },
    }
  },
}

/** Whether the chip measures by itself, and has measured, all three quantities. */
function measuresAll(state: Uint8Array): boolean {
  const isByItself = ((state[CTRL_MEAS - STATE] as number) & 3) === NORMAL_MODE
  return isByItself && notMeasured(readRaw(state.subarray(DATA_IN_STATE))).length === 0
}

/** The names of the quantities that the raw values do not have. */
export function notMeasured({ temperature, pressure, humidity }: RawWeather): string[] {
  return [
    ...(temperature === NOT_MEASURED ? ["the temperature"] : []),
    ...(pressure === NOT_MEASURED ? ["the pressure"] : []),
    ...(humidity === NO_HUMIDITY ? ["the humidity"] : []),
  ]
}

/** Decodes registers 0x88 to 0xa1 and 0xe1 to 0xe7 (table 16). */
export function readCalibration(first: Uint8Array, second: Uint8Array): Bme280Calibration {
  const low = new DataView(first.buffer, first.byteOffset, first.byteLength)
  const high = new DataView(second.buffer, second.byteOffset, second.byteLength)
  // the first of the temperature's and of the pressure's numbers is unsigned, the others are signed
  const words = (at: number, count: number) =>
    Array.from({ length: count }, (_, i) =>
      i === 0 ? low.getUint16(at, true) : low.getInt16(at + 2 * i, true),
    )
  const nibbles = high.getUint8(4)
  return {
    t: words(0, 3),
    p: words(6, 9),
    h: [
      low.getUint8(25),
      high.getInt16(0, true),
      high.getUint8(2),
      (high.getInt8(3) << 4) | (nibbles & 0x0f),
      (high.getInt8(5) << 4) | (nibbles >> 4),
      high.getInt8(6),
    ],
  }
}

/** Decodes registers 0xf7 to 0xfe. */
export function readRaw(data: Uint8Array): RawWeather {
  const byte = (at: number) => data[at] ?? 0
  const twentyBits = (at: number) => (byte(at) << 12) | (byte(at + 1) << 4) | (byte(at + 2) >> 4)
  return { pressure: twentyBits(0), temperature: twentyBits(3), humidity: (byte(6) << 8) | byte(7) }
}

/** Physical units from raw values (8.1). */
export function compensate(calibration: Bme280Calibration, raw: RawWeather): Weather {
  const [t1 = 0, t2 = 0, t3 = 0] = calibration.t
  const coarse = raw.temperature / 2 ** 14 - t1 / 2 ** 10
  /** The temperature in 1/5120 degrees: the other two formulas start from it. */
  const fine = coarse * t2 + (coarse / 8) ** 2 * t3
  return {
    temperatureC: fine / 5120,
    pressurePa: compensatePressure(calibration.p, raw.pressure, fine),
    humidityPercent: compensateHumidity(calibration.h, raw.humidity, fine),
  }
}

function compensatePressure(p: readonly number[], raw: number, fine: number): number {
  const [p1 = 0, p2 = 0, p3 = 0, p4 = 0, p5 = 0, p6 = 0, p7 = 0, p8 = 0, p9 = 0] = p
  const x = fine / 2 - 64000
  const offset = ((x * x * p6) / 2 ** 15 + 2 * x * p5) / 4 + p4 * 2 ** 16
  const scale = (1 + ((x * x * p3) / 2 ** 19 + x * p2) / 2 ** 34) * p1
  if (scale === 0) return Number.NaN
  const linear = ((2 ** 20 - raw - offset / 2 ** 12) * 6250) / scale
  return linear + ((linear * linear * p9) / 2 ** 31 + (linear * p8) / 2 ** 15 + p7) / 16
}

function compensateHumidity(h: readonly number[], raw: number, fine: number): number {
  const [h1 = 0, h2 = 0, h3 = 0, h4 = 0, h5 = 0, h6 = 0] = h
  const x = fine - 76800
  const gain = (h2 / 2 ** 16) * (1 + ((h6 * x) / 2 ** 26) * (1 + (h3 * x) / 2 ** 26))
  const linear = (raw - (64 * h4 + (h5 * x) / 2 ** 14)) * gain
  return Math.min(100, Math.max(0, linear * (1 - (h1 * linear) / 2 ** 19)))
}
