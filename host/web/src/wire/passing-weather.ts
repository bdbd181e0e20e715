// The weather that somebody else reads from a BME280. It is computed from the registers that pass on the bus, with the
// calibration (data sheet BST-BME280-DS002 5.3).

import {
  BME280_ADDRESS,
  compensate,
  notMeasured,
  readCalibration,
  readRaw,
  type Weather,
} from "../../../src/sensors/bme280.js"
import type { RequestEvent } from "../../../src/trace/trace-event.js"

/** The calibration in two pieces, then the measured values. */
const FIRST: readonly [from: number, to: number] = [0x88, 0xa2]
const SECOND: readonly [from: number, to: number] = [0xe1, 0xe8]
const DATA: readonly [from: number, to: number] = [0xf7, 0xff]

export class PassingWeather {
  /** Has only the registers that somebody has read. */
  readonly #registers = new Map<number, number>()
  /** The register that is read next. */
  #at = 0

  /** Takes a chain that came back. Returns the weather if it brought a measurement and the calibration is known. */
  take({ phase, fields, ok }: RequestEvent): Weather | undefined {
    const value = (name: string) => fields.find((field) => field.name === name)?.value
    const address = value("i2c_addr")
    if (phase !== "used" || !ok || typeof address !== "number" || address >> 1 !== BME280_ADDRESS)
      return undefined
    const [written] = bytesOf(value("i2c_write"))
    if (written !== undefined) this.#at = written
    const from = this.#at
    for (const byte of bytesOf(value("i2c_read"))) this.#registers.set(this.#at++, byte)
    if (from > DATA[0] || this.#at < DATA[1]) return undefined
    const [first, second, data] = [FIRST, SECOND, DATA].map((range) => this.#read(range))
    if (!first || !second || !data) return undefined
    const raw = readRaw(data)
    // some programs read until the chip has measured: before that, the registers have no weather
    return notMeasured(raw).length === 0 ? compensate(readCalibration(first, second), raw) : undefined
  }

  #read([from, to]: readonly [number, number]): Uint8Array | undefined {
    const bytes = Array.from({ length: to - from }, (_, i) => this.#registers.get(from + i))
    return bytes.includes(undefined) ? undefined : Uint8Array.from(bytes as number[])
  }
}

function bytesOf(value: number | string | undefined): number[] {
  if (typeof value !== "string") return []
  return value.match(/[0-9a-f]{2}/g)?.map((digits) => Number.parseInt(digits, 16)) ?? []
}
