// Requests to the board and their outcomes: those parts of virtio-msg's I2cRequest and I2cOutcome that this package
// uses. They are written here again so that the package's declarations need no ES module: older compilers cannot import
// one from CommonJS.

/** One message on the I2C bus. With `failNext`, the following message is skipped when this one fails. */
export interface Request {
  /** 7 bits. */
  readonly address: number
  readonly write?: Uint8Array
  /** Bytes to read. */
  readonly readLength?: number
  readonly failNext: boolean
}

export interface Outcome {
  readonly ok: boolean
  readonly data?: Uint8Array
}

/** A call of i2c-bus: its requests, and how their outcomes become its result. Used by all three forms of a call. */
export interface Transaction<T> {
  /** Named in errors. */
  readonly syscall: string
  /** Empty when the call only needs the bus to be open. */
  readonly requests: readonly Request[]
  /** Throws an error of i2c-bus when a request failed. */
  readonly finish: (outcomes: readonly Outcome[]) => T
}
