// What RAM, EEPROM and register files have in common on I2C: bytes, an internal address pointer that every byte
// read advances, and a sequential read that rolls over from the last byte to the first.
// A run of bytes is copied by one blitAt: on the microcontroller, a byte that is copied in a loop takes 38 us, and 64
// bytes at once take 46 us.

import type { ByteBuf, OwnedBytes } from "../../../shared-protocol/src/bytes.js"
import type { Chip } from "./chip.js"

/** A chip that answers reads from a memory, at a pointer; what a write means is up to the part. */
export abstract class MemoryChip implements Chip {
  readonly address: number
  readonly name: string
  /** The bytes that a read shows. */
  protected readonly memory: OwnedBytes
  /** Index in `memory` of the next byte that a read shows. */
  protected pointer = 0
  /** True while the passing of time changes something: then `settle` runs before an access. */
  protected pending = false

  /** `address` 0x08..0x77; the chip keeps `memory`, which is 1 byte or more. */
  constructor(address: number, name: string, memory: OwnedBytes) {
    this.address = address
    this.name = name
    this.memory = memory
  }

  abstract write(bytes: ByteBuf, offset: number, length: number): boolean

  /** Whether the chip acknowledges its address now. */
  ready(): boolean {
    return !this.pending || this.settle()
  }

  /** Shows `length` bytes from the pointer on and leaves the pointer behind them; false while not ready. */
  read(into: OwnedBytes, offset: number, length: number): boolean {
    if (this.pending && !this.settle()) return false
    const memory = this.memory
    const size = memory.length
    let pointer = this.pointer
    if (length <= size - pointer) {
      // the usual read, without what rolling over takes
      into.blitAt(offset, memory, pointer, length)
      this.pointer = (pointer + length) % size
      return true
    }
    // Where in `into` the memory's first byte comes after the first roll-over.
    const lapStart = offset + size - pointer
    let target = offset
    let left = length
    while (left > 0) {
      let source = memory
      let from = pointer
      let run = size - pointer
      if (target > lapStart) {
        // What was shown already is copied again, twice as much each time, so that a long read costs few operations.
        source = into
        from = lapStart
        run = target - lapStart
      }
      if (run > left) run = left
      into.blitAt(target, source, from, run)
      target += run
      left -= run
      pointer = (pointer + run) % size
    }
    this.pointer = pointer
    return true
  }

  /** Brings the chip up to the present; false: it does not acknowledge yet. Called only while `pending`. */
  protected settle(): boolean {
    return true
  }
}
