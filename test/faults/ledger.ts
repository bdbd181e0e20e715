// An I2C controller that keeps book: each transfer carries a number of its own, and it is seen if one runs twice or
// with other bytes. Written in the subset that DeviceScript compiles: the same ledger runs in the VM.

import {
  type Allocator,
  type ByteBuf,
  getU32,
  type OwnedBytes,
  putU32,
} from "../../shared-protocol/src/bytes.js"
import type { I2cController } from "../../shared-protocol/src/device/i2c-controller.js"
import { I2C_DONE, I2C_WRITE_FAILED } from "../../shared-protocol/src/device-types/i2c.js"

/** Takes entries: 4 bytes of number, bytes that follow from it; what is read follows from it, too. */
export const LEDGER_ADDRESS = 0x30
/** Reads the sums: entries, doubled entries, entries with wrong bytes, as 32-bit numbers. */
export const SUMS_ADDRESS = 0x31
/** Write a number (4 bytes), read one byte: whether its entry was made. */
export const LOOKUP_ADDRESS = 0x32
export const SUMS_SIZE = 12
const LONG_BYTES = 16

/** Byte `at` that goes with entry `id`, both ways. */
export function ledgerByte(id: number, at: number): number {
  return (id * 31 + (id >> 8) * 7 + at * 13 + 5) & 0xff
}

export class Ledger implements I2cController {
  data: OwnedBytes
  entries = 0
  doubled = 0
  wrong = 0

  private readonly capacity: number
  private readonly made: OwnedBytes

  private readonly rest: (() => Promise<void>) | undefined

  /**
   * Room for entries 0 to `capacity` - 1. `rest` lets others run after a long transfer: the runtime stops a program that
   * does not wait for 131072 operations, and looking at every byte takes many.
   */
  constructor(capacity: number, alloc: Allocator, rest?: () => Promise<void>) {
    this.rest = rest
    this.capacity = capacity
    this.made = alloc((capacity + 7) >> 3)
    this.data = alloc(256)
  }

  hasEntry(id: number): boolean {
    return (this.made[id >> 3] & (1 << (id & 7))) !== 0
  }

  async transfer(
    address: number,
    write: ByteBuf,
    offset: number,
    length: number,
    readLength: number,
  ): Promise<number> {
    if (address === SUMS_ADDRESS && readLength === SUMS_SIZE) {
      putU32(this.data, 0, this.entries)
      putU32(this.data, 4, this.doubled)
      putU32(this.data, 8, this.wrong)
      return I2C_DONE
    }
    if (length < 4) return I2C_WRITE_FAILED
    const id = getU32(write, offset)
    if (id >= this.capacity || readLength > this.data.length) return I2C_WRITE_FAILED
    if (address === LOOKUP_ADDRESS) {
      this.data[0] = this.hasEntry(id) ? 1 : 0
      return I2C_DONE
    }
    if (address !== LEDGER_ADDRESS) return I2C_WRITE_FAILED
    this.entries++
    if (this.hasEntry(id)) this.doubled++
    this.made[id >> 3] |= 1 << (id & 7)
    let isWrong = false
    for (let i = 4; i < length; i++) if (write[offset + i] !== ledgerByte(id, i)) isWrong = true
    if (isWrong) this.wrong++
    for (let i = 0; i < readLength; i++) this.data[i] = ledgerByte(id, 100 + i)
    if (this.rest !== undefined && length + readLength > LONG_BYTES) await this.rest()
    return I2C_DONE
  }
}
