// What every contender is asked to do: six pieces of work that programs really do with an I2C bus.

/** A piece of work. Register reads write one byte, then read after a repeated start. */
export interface Workload {
  readonly id: string
  readonly title: string
  readonly kind: "register-reads" | "block-read" | "scan" | "initialise"
  /** How many transfers it is made of. */
  readonly transfers: number
  /** Bytes that each transfer reads. */
  readonly bytesEach: number
}

export const WORKLOADS: readonly Workload[] = [
  { id: "read", title: "1 register read", kind: "register-reads", transfers: 1, bytesEach: 2 },
  { id: "batch-8", title: "8 register reads", kind: "register-reads", transfers: 8, bytesEach: 2 },
  { id: "batch-32", title: "32 register reads", kind: "register-reads", transfers: 32, bytesEach: 2 },
  { id: "eeprom", title: "256-byte EEPROM read", kind: "block-read", transfers: 1, bytesEach: 256 },
  { id: "scan", title: "scan of 112 addresses", kind: "scan", transfers: 112, bytesEach: 0 },
  { id: "initialise", title: "initialisation", kind: "initialise", transfers: 1, bytesEach: 0 },
]

/** I2C at this clock, which all contenders' hardware can do. */
const I2C_BIT_MS = 1 / 400
const BITS_PER_BYTE = 9
/** Start, repeated start and stop take about a bit each. */
const MARKS = 3

/** Milliseconds that the I2C bus itself takes: nothing can be faster. */
export function i2cMs({ kind, transfers, bytesEach }: Workload): number {
  if (kind === "initialise") return 0
  // a probe is one address byte; a read has two address bytes, the register's number, and the data
  const bytes = kind === "scan" ? 1 : 3 + bytesEach
  return transfers * (BITS_PER_BYTE * bytes + MARKS) * I2C_BIT_MS
}
