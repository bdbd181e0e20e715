// The simulated target of ST's virtio-msg demonstration: 20 bytes of RAM, the first byte written is the offset of what
// follows. Its acceptance script reads 0x66 ("f") at 0x54 offset 14. Texts have 19 characters and a terminating 0.

import type { Allocator, ByteBuf } from "../../../shared-protocol/src/bytes.js"
import { MemoryChip } from "./memory-chip.js"

const SIZE_BYTES = 20

/** 20 bytes of RAM; reads and writes advance one pointer and wrap from byte 19 to byte 0. */
export class Ram extends MemoryChip {
  /** `text` is ASCII; what is beyond 20 characters is cut, what is missing is 0. */
  constructor(address: number, text: string, allocate: Allocator) {
    super(address, "ram", allocate(SIZE_BYTES))
    for (let i = 0; i < text.length && i < SIZE_BYTES; i++) this.memory[i] = text.charCodeAt(i)
  }

  /**
   * The first byte sets the pointer, the following ones are stored there. An offset of 20 or more counts modulo 20:
   * as on chips with fewer cells than addresses, the memory repeats.
   */
  write(bytes: ByteBuf, offset: number, length: number): boolean {
    const memory = this.memory
    let pointer = bytes[offset] % SIZE_BYTES
    let source = offset + 1
    let left = length - 1
    if (left > SIZE_BYTES) {
      // only the last lap stays in memory
      const over = left - SIZE_BYTES
      pointer = (pointer + over) % SIZE_BYTES
      source += over
      left = SIZE_BYTES
    }
    while (left > 0) {
      let run = SIZE_BYTES - pointer
      if (run > left) run = left
      memory.blitAt(pointer, bytes, source, run)
      source += run
      left -= run
      pointer = (pointer + run) % SIZE_BYTES
    }
    this.pointer = pointer
    return true
  }
}
