// A sensor, for code that only wants its values: how it is recognised, what it measures, and one reading.

import type { I2cAdapter } from "../driver/i2c-adapter.js"

export interface Quantity {
  /** A lower-case word, or the name of a pin. The key in JSON, and the head of a column. */
  readonly name: string
  readonly unit: string
  /** How many digits behind the point are meaningful. */
  readonly digits: number
}

export interface Sensor {
  /** One value for each quantity, in the order of the type's list, in the quantity's unit. Undefined: not measured. */
  read(): Promise<readonly (number | undefined)[]>
}

export interface SensorType {
  /** The part, in lower case. */
  readonly name: string
  /** 7-bit addresses at which it can be, the usual one first. */
  readonly addresses: readonly number[]
  readonly quantities: readonly Quantity[]
  /**
   * Whether the chip that acknowledges `address` is one. Only reads registers, so that another chip is not changed by
   * the question. Rejects as `I2cAdapter.transfer`.
   */
  recognise(i2c: I2cAdapter, address: number): Promise<boolean>
  /** Makes the chip ready to measure. Rejects as `I2cAdapter.transfer`. */
  open(i2c: I2cAdapter, address: number): Promise<Sensor>
}
