// The area of the window that this side writes, and which of its bytes the peer has not seen yet.

import type { OwnedBytes } from "../bytes.js"
import { SPAN_OVERHEAD } from "./packet.js"

/** As good as no limit. */
const UNLIMITED = 0x7fffffff
/** Where a run's offset begins in its number; its length is below. */
export const RUN_OFFSET_SHIFT = 16
export const RUN_LENGTH_MASK = 0xffff

/**
 * One area, with the runs of bytes that changed since they were last sent. Ring indexes are kept apart: they
 * are sent when nothing else is left, so that they never overtake what they announce.
 */
export class OutgoingArea {
  readonly bytes: OwnedBytes
  /**
   * The changed runs, `offset << RUN_OFFSET_SHIFT | length`; those from `dirtyFirst` up to `dirtyEnd` wait to be sent. One
   * number each: an entry of a list takes 8 bytes of a chip's heap.
   */
  readonly dirtyRuns: number[] = []
  dirtyFirst = 0
  dirtyEnd = 0
  /**
   * Offsets of the 16-bit indexes that changed, and how many of their two bytes did; the first `indexCount` wait to
   * be sent.
   */
  readonly indexOffsets: number[] = []
  readonly indexLengths: number[] = []
  indexCount = 0

  private readonly runLimit: number

  /**
   * When more than `runLimit` runs have changed, they become one, so that a peer that never acknowledges does not
   * make the lists grow. The lists have their full length from the start: later a chip's heap is fragmented, and has
   * no room for longer ones. Without `runLimit` there is no limit, and the lists grow.
   */
  constructor(bytes: OwnedBytes, runLimit?: number) {
    this.bytes = bytes
    this.runLimit = runLimit === undefined ? UNLIMITED : runLimit
    if (runLimit !== undefined) for (let i = 0; i < runLimit; i++) this.dirtyRuns.push(0)
    // copied into fields: the chip searches the fields of an object before the methods of its class (docs/performance.md)
    const own = this
    own.mark = own.mark
    own.putIndex = own.putIndex
  }

  /** Notes that `length` bytes from `offset` changed. A run close behind the last one is joined to it. */
  mark(offset: number, length: number): void {
    const end = this.dirtyEnd
    const runs = this.dirtyRuns
    if (end > this.dirtyFirst) {
      const last = runs[end - 1]
      const start = last >> RUN_OFFSET_SHIFT
      const reach = start + (last & RUN_LENGTH_MASK)
      // sending the few bytes between two runs costs no more than a second span's header
      if (offset >= start)
        if (offset <= reach + SPAN_OVERHEAD) {
          if (offset + length > reach) runs[end - 1] = last + offset + length - reach
          return
        }
    }
    if (end >= this.runLimit) {
      this.joinAll(offset, length)
      return
    }
    // reused, and never shortened: in DeviceScript, `array.length = 0` breaks an array
    runs[end] = (offset << RUN_OFFSET_SHIFT) | length
    this.dirtyEnd = end + 1
  }

  /** Makes one run of all runs that wait and of `length` bytes from `offset`. */
  private joinAll(offset: number, length: number): void {
    let start = offset
    let reach = offset + length
    for (let i = this.dirtyFirst; i < this.dirtyEnd; i++) {
      const at = this.dirtyRuns[i] >> RUN_OFFSET_SHIFT
      const end = at + (this.dirtyRuns[i] & RUN_LENGTH_MASK)
      if (at < start) start = at
      if (end > reach) reach = end
    }
    this.dirtyRuns[0] = (start << RUN_OFFSET_SHIFT) | (reach - start)
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
    const bytes = this.bytes
    const offsets = this.indexOffsets
    const high = value >> 8
    let length = 1
    if (bytes[offset + 1] !== high) {
      bytes[offset + 1] = high
      length = 2
    }
    bytes[offset] = value & 0xff
    const count = this.indexCount
    for (let i = 0; i < count; i++)
      if (offsets[i] === offset) {
        if (length === 2) this.indexLengths[i] = 2
        return
      }
    this.indexCount = count + 1
    if (offsets[count] === undefined) {
      offsets.push(offset)
      this.indexLengths.push(length)
    } else {
      offsets[count] = offset
      this.indexLengths[count] = length
    }
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

/** Changed run `index` of `area`. The mailbox reads the list itself, to save the call. */
export function runAt(area: OutgoingArea, index: number): { offset: number; length: number } {
  const run = area.dirtyRuns[index]
  return { offset: run >> RUN_OFFSET_SHIFT, length: run & RUN_LENGTH_MASK }
}
