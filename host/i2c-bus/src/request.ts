// What goes to the board, and what comes back: virtio-msg's I2cRequest and I2cOutcome, as far as this package uses
// them. Written down here so that its declarations need no ES module, which older compilers cannot import from CommonJS.

/** One message on the I2C bus. `failNext` ties it to the following one: that is skipped when this one fails. */
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
  /** What was read. */
  readonly data?: Uint8Array
}

/** A call of i2c-bus: what it asks of the bus, and what it makes of the answer, however it waits for that. */
export interface Transaction<T> {
  /** Named in errors. */
  readonly syscall: string
  /** Empty: the bus has to be open, and nothing else. */
  readonly requests: readonly Request[]
  /** Throws an error of i2c-bus when an outcome is not what the call wants. */
  readonly finish: (outcomes: readonly Outcome[]) => T
}
