// What every simulated I2C target offers: a 7-bit address, and one method for each direction of a bus message.

import type { ByteBuf, OwnedBytes } from "../../../shared-protocol/src/bytes.js"

/** A simulated I2C target, at the level of one bus message. Nothing that arrives on the bus makes it throw. */
export interface Chip {
  /** 7-bit address, 0x08..0x77. */
  readonly address: number
  /** The part it simulates, for logs. */
  readonly name: string
  /** Whether the chip acknowledges its address now: false in the write cycle of an EEPROM. */
  ready(): boolean
  /** The controller wrote `length` bytes (1..) found in `bytes` from `offset`. False: the chip did not acknowledge. */
  write(bytes: ByteBuf, offset: number, length: number): boolean
  /** The controller reads `length` bytes (1..); the chip stores them in `into` from `offset`. False: it did not acknowledge. */
  read(into: OwnedBytes, offset: number, length: number): boolean
}
