// AT24C02 and its kin, 256 bytes of EEPROM: an address byte sets the pointer; a write stays within its 8-byte page and
// rolls over there; it is followed by a write cycle of 5 ms (tWR) in which the address is not acknowledged; a read
// starts where the pointer is (current address read) and rolls over after byte 255.

import type { Allocator, ByteBuf } from "../../../shared-protocol/src/bytes.js"
import { MemoryChip } from "./memory-chip.js"

const SIZE_BYTES = 256
const PAGE_BYTES = 8
const WRITE_CYCLE_MS = 5

/** A 24C02, as from the factory except for a greeting. */
export class Eeprom24c02 extends MemoryChip {
  private readonly now: () => number
  private cycleEndMs = 0

  /** `address` is 0x50..0x57 on the real part; `greeting` is ASCII, at byte 0, the rest is 0xff; `now` gives milliseconds. */
  constructor(address: number, greeting: string, now: () => number, allocate: Allocator) {
    super(address, "24c02", allocate(SIZE_BYTES))
    this.now = now
    this.memory.fillAt(0, SIZE_BYTES, 0xff)
    for (let i = 0; i < greeting.length && i < SIZE_BYTES; i++) this.memory[i] = greeting.charCodeAt(i)
  }

  /**
   * The first byte sets the pointer, the following ones are written within its page, which starts the write cycle.
   * That the cycle starts without a stop condition is a simplification: a read in the same transaction is refused.
   */
  write(bytes: ByteBuf, offset: number, length: number): boolean {
    if (this.pending && !this.settle()) return false
    let pointer = bytes[offset]
    if (length > 1) {
      const memory = this.memory
      const page = pointer & ~(PAGE_BYTES - 1)
      const end = offset + length
      let source = offset + 1
      // of more than a page, only the last page's worth stays in memory: the bytes before it are skipped
      if (length - 1 > PAGE_BYTES) {
        source = end - PAGE_BYTES
        pointer += source - offset - 1
      }
      for (; source < end; source++) {
        memory[page | (pointer & (PAGE_BYTES - 1))] = bytes[source]
        pointer++
      }
      pointer = page | (pointer & (PAGE_BYTES - 1))
      this.cycleEndMs = this.now() + WRITE_CYCLE_MS
      this.pending = true
    }
    this.pointer = pointer
    return true
  }

  protected override settle(): boolean {
    if (this.now() < this.cycleEndMs) return false
    this.pending = false
    return true
  }
}
