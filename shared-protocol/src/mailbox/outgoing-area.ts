// The area of the window that this side writes, and which of its bytes the peer has not seen yet.

import type { OwnedBytes } from "../bytes.js"
import { SPAN_OVERHEAD } from "./packet.js"

/** As good as no limit. */
const UNLIMITED = 0x7fffffff

/**
 * One area, with the runs of bytes that changed since they were last sent. Ring indexes are kept apart: they
 * are sent when nothing else is left, so that they never overtake what they announce.
 */
export class OutgoingArea {
  readonly bytes: OwnedBytes
  /** Start and length of each changed run; those from `dirtyFirst` up to `dirtyEnd` wait to be sent. */
  readonly dirtyOffsets: number[] = []
  readonly dirtyLengths: number[] = []
  dirtyFirst = 0
  dirtyEnd = 0
  /** Offsets of the 16-bit indexes that changed, and how many of their bytes; the first `indexCount` wait to be sent. */
  readonly indexOffsets: number[] = []
  readonly indexLengths: number[] = []
  indexCount = 0

  private readonly runLimit: number

  /**
   * More changed runs than `runLimit` become one, so that a peer that never acknowledges does not make the lists
   * grow. They have their full length at once: a chip has no room to make a long list longer once its heap is in pieces.
   * No limit, and lists that grow, when absent.
   */
  constructor(bytes: OwnedBytes, runLimit?: number) {
    this.bytes = bytes
    this.runLimit = runLimit === undefined ? UNLIMITED : runLimit
    if (runLimit !== undefined)
      for (let i = 0; i < runLimit; i++) {
        this.dirtyOffsets.push(0)
        this.dirtyLengths.push(0)
      }
    // fields of their own: the chip would look for these methods among the names of all fields first (docs/performance.md)
    const own = this
    own.mark = own.mark
    own.putIndex = own.putIndex
  }

  /** Notes that `length` bytes from `offset` changed. A run close behind the last one is joined to it. */
  mark(offset: number, length: number): void {
    const end = this.dirtyEnd
    const offsets = this.dirtyOffsets
    const lengths = this.dirtyLengths
    if (end > this.dirtyFirst) {
      const start = offsets[end - 1]
      const reach = start + lengths[end - 1]
      // sending the few bytes between two runs costs no more than a second span's header
      if (offset >= start)
        if (offset <= reach + SPAN_OVERHEAD) {
          if (offset + length > reach) lengths[end - 1] = offset + length - start
          return
        }
    }
    if (end >= this.runLimit) {
      this.joinAll(offset, length)
      return
    }
    // the arrays are reused and never shortened: in DeviceScript, `array.length = 0` breaks an array
    if (end === offsets.length) {
      offsets.push(offset)
      lengths.push(length)
    } else {
      offsets[end] = offset
      lengths[end] = length
    }
    this.dirtyEnd = end + 1
  }

  /** Makes one run of all that wait and of `length` bytes from `offset`. */
  private joinAll(offset: number, length: number): void {
    let start = offset
    let reach = offset + length
    for (let i = this.dirtyFirst; i < this.dirtyEnd; i++) {
      if (this.dirtyOffsets[i] < start) start = this.dirtyOffsets[i]
      const end = this.dirtyOffsets[i] + this.dirtyLengths[i]
      if (end > reach) reach = end
    }
    this.dirtyOffsets[0] = start
    this.dirtyLengths[0] = reach - start
    this.dirtyFirst = 0
    this.dirtyEnd = 1
  }

  /** Stores one byte; it travels only when it changes. */
  put8(offset: number, value: number): void {
    if (this.bytes[offset] === value) return
    this.bytes[offset] = value
    this.mark(offset, 1)
  }

  /** Stores a 16-bit number; only its changed bytes travel. */
  put16(offset: number, value: number): void {
    this.put8(offset, value & 0xff)
    this.put8(offset + 1, (value >> 8) & 0xff)
  }

  /** Stores a 32-bit number; only its changed bytes travel. */
  put32(offset: number, value: number): void {
    this.put16(offset, value & 0xffff)
    this.put16(offset + 2, (value >>> 16) & 0xffff)
  }

  /** Stores a ring's 16-bit index, which travels behind everything stored before it is sent. */
  putIndex(offset: number, value: number): void {
    const high = value >> 8
    const length = this.bytes[offset + 1] === high ? 1 : 2
    this.bytes[offset] = value & 0xff
    this.bytes[offset + 1] = high
    let i = 0
    while (i < this.indexCount && this.indexOffsets[i] !== offset) i++
    if (i < this.indexCount) {
      if (length === 2) this.indexLengths[i] = 2
      return
    }
    if (i === this.indexOffsets.length) {
      this.indexOffsets.push(offset)
      this.indexLengths.push(length)
    } else {
      this.indexOffsets[i] = offset
      this.indexLengths[i] = length
    }
    this.indexCount = i + 1
  }

  /** Whether anything waits to be sent. */
  isDirty(): boolean {
    return this.dirtyEnd > this.dirtyFirst || this.indexCount > 0
  }

  /** Forgets what is to be sent and zeroes the area: a new epoch begins. */
  clear(): void {
    this.bytes.fillAt(0, this.bytes.length, 0)
    this.dirtyFirst = 0
    this.dirtyEnd = 0
    this.indexCount = 0
  }
}
