// A ring of bytes between a writer of text and its reader. A text goes in as a whole or not at all.

import type { Allocator, OwnedBytes } from "../../../shared-protocol/src/bytes.js"

export const NEWLINE = 10

export class TextBuffer {
  /** Bytes in the buffer. */
  length = 0
  /** The last byte that was taken; a newline before the first one. */
  lastTaken = NEWLINE
  readonly capacity: number
  private readonly bytes: OwnedBytes
  private first = 0

  constructor(alloc: Allocator, capacity: number) {
    this.bytes = alloc(capacity)
    this.capacity = capacity
  }

  /** Whether there was room for the text, of 7-bit characters. */
  put(text: string): boolean {
    if (text.length > this.capacity - this.length) return false
    let at = this.first + this.length
    for (let i = 0; i < text.length; i++) {
      if (at >= this.capacity) at -= this.capacity
      this.bytes[at] = text.charCodeAt(i) & 0x7f
      at++
    }
    this.length += text.length
    return true
  }

  /** Moves up to `length` bytes to `into`; returns how many. */
  take(into: OwnedBytes, offset: number, length: number): number {
    let count = this.length < length ? this.length : length
    // at most up to the end of the ring: the rest comes with the next call
    if (count > this.capacity - this.first) count = this.capacity - this.first
    if (count === 0) return 0
    into.blitAt(offset, this.bytes, this.first, count)
    this.lastTaken = this.bytes[this.first + count - 1]
    this.first = (this.first + count) % this.capacity
    this.length -= count
    return count
  }

  clear(): void {
    this.length = 0
    this.lastTaken = NEWLINE
  }
}
