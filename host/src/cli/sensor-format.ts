// A reading of sensors as lines for people, as CSV, and as JSON.

import { hex } from "../hex.js"
import type { FoundSensor } from "../sensors/sensor-types.js"

export interface Reading {
  readonly sensor: FoundSensor
  /** Absent: the sensor did not answer. */
  readonly values?: readonly (number | undefined)[]
}

const BARS = "▁▂▃▄▅▆▇█"
export const SPARK_WIDTH = 32

/** "bme280@0x76", as the command takes it. */
export function sensorName({ type, address }: FoundSensor): string {
  return `${type.name}@${hex(address, 2)}`
}

/** Rows of cells: the sensor, the quantity, its value, and a `spark` line of the values before it. */
export function toRows(readings: readonly Reading[], history?: History): string[][] {
  return readings.flatMap(({ sensor, values }) =>
    sensor.type.quantities.map(({ name, unit, digits }, at) => {
      const value = values?.[at]
      const shown = value === undefined ? "-" : value.toFixed(digits)
      const cells = [at === 0 ? sensorName(sensor) : "", name, `${shown.padStart(8)} ${unit}`]
      return history ? [...cells, spark(history.of(sensorName(sensor), name))] : cells
    }),
  )
}

export function csvHead(sensors: readonly FoundSensor[]): string {
  const columns = sensors.flatMap((sensor) =>
    sensor.type.quantities.map(({ name, unit }) => `${sensorName(sensor)} ${name} ${unit}`),
  )
  return ["time", ...columns].join(",")
}

/** `time` is ISO 8601; an empty cell was not measured. */
export function csvRow(time: string, readings: readonly Reading[]): string {
  const cells = readings.flatMap(({ sensor, values }) =>
    sensor.type.quantities.map(({ digits }, at) => values?.[at]?.toFixed(digits) ?? ""),
  )
  return [time, ...cells].join(",")
}

export function toJson(time: string, readings: readonly Reading[]): object {
  const sensors = readings.map(({ sensor: { type, address }, values }) => ({
    sensor: type.name,
    address,
    ...(values
      ? {
          values: Object.fromEntries(
            type.quantities.map(({ name, digits }, at) => [name, rounded(values[at], digits)]),
          ),
        }
      : { values: null }),
    units: Object.fromEntries(type.quantities.map(({ name, unit }) => [name, unit])),
  }))
  return { time, sensors }
}

/** Rounds to the digits that mean something. */
function rounded(value: number | undefined, digits: number): number | null {
  return value === undefined ? null : Number(value.toFixed(digits))
}

/** The latest values of each quantity. */
export class History {
  readonly #values = new Map<string, number[]>()

  add(readings: readonly Reading[]): void {
    for (const { sensor, values } of readings)
      for (const [at, { name }] of sensor.type.quantities.entries()) {
        const value = values?.[at]
        if (value === undefined) continue
        const kept = this.of(sensorName(sensor), name)
        this.#values.set(`${sensorName(sensor)} ${name}`, [...kept, value].slice(-SPARK_WIDTH))
      }
  }

  of(sensor: string, quantity: string): readonly number[] {
    return this.#values.get(`${sensor} ${quantity}`) ?? []
  }
}

/** A line of bars, lowest for the lowest value. A value that never changes is in the middle. */
export function spark(values: readonly number[]): string {
  const low = Math.min(...values)
  const span = Math.max(...values) - low
  return values
    .map((value) => BARS[span === 0 ? 3 : Math.round(((value - low) / span) * (BARS.length - 1))])
    .join("")
}
