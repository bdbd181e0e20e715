// A driver's virtqueue in the driver's own window, as a device sees it. Everything there is hostile until it is
// checked. Nothing outside of the window is read or written.

import { getU16, getU32, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import {
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_SIZE,
  DESCRIPTOR_WRITE,
} from "../../../shared-protocol/src/ring/layout.js"

/**
 * The memory that the driver shares with us, at the driver's addresses. Bytes outside read as 0, and writing there
 * does nothing. Addresses from 2^53 on are inexact: there is no memory.
 */
export interface DriverWindow {
  holds(address: number, lengthBytes: number): boolean
  read(address: number, lengthBytes: number): Uint8Array
  write(address: number, bytes: Uint8Array): void
}

/** Where a driver laid its queue: addresses in its window. */
export interface DriverQueue {
  readonly index: number
  readonly size: number
  readonly desc: number
  readonly avail: number
  readonly used: number
}

/** A descriptor of a chain: a buffer in the driver's window. */
export interface GivenPart {
  readonly at: number
  readonly lengthBytes: number
  readonly isWritable: boolean
}

/** A chain as the driver gave it. Without parts if it makes no sense. */
export interface GivenChain {
  readonly head: number
  readonly parts: readonly GivenPart[]
}

const HIGH = 0x1_0000_0000

/** The 64-bit address at `offset`; from 2^53 on inexact. */
export function getAddress(bytes: Uint8Array, offset: number): number {
  return getU32(bytes, offset) + getU32(bytes, offset + 4) * HIGH
}

/** Stores an address below 2^53. */
export function putAddress(bytes: Uint8Array, offset: number, address: number): void {
  putU32(bytes, offset, address % HIGH)
  putU32(bytes, offset + 4, Math.floor(address / HIGH))
}

/** The device's half of that queue: takes chains and gives them back. */
export class GivenRing {
  readonly #window: DriverWindow
  readonly #queue: DriverQueue
  #availIdx = 0
  #usedIdx = 0

  /** `queue` lies within `window`. */
  constructor(window: DriverWindow, queue: DriverQueue) {
    this.#window = window
    this.#queue = queue
  }

  /** What the driver made available since the last call. */
  take(): GivenChain[] {
    const { avail, size } = this.#queue
    const idx = getU16(this.#window.read(avail + 2, 2), 0)
    // no more chains than the queue's size can be there, and the index cannot go back: such a ring is not read
    if (((idx - this.#usedIdx) & 0xffff) > size || ((idx - this.#availIdx) & 0xffff) > size) return []
    const chains: GivenChain[] = []
    for (; this.#availIdx !== idx; this.#availIdx = (this.#availIdx + 1) & 0xffff) {
      const slot = this.#window.read(avail + 4 + 2 * (this.#availIdx % size), 2)
      chains.push(this.#chainAt(getU16(slot, 0)))
    }
    return chains
  }

  /** Puts a chain into the used ring; the driver sees it after `publish`. */
  giveBack(head: number, lengthBytes: number): void {
    const element = new Uint8Array(8)
    putU32(element, 0, head)
    putU32(element, 4, lengthBytes)
    this.#window.write(this.#queue.used + 4 + 8 * (this.#usedIdx % this.#queue.size), element)
    this.#usedIdx = (this.#usedIdx + 1) & 0xffff
  }

  /** Shows the driver what was given back. */
  publish(): void {
    const idx = new Uint8Array(2)
    putU16(idx, 0, this.#usedIdx)
    this.#window.write(this.#queue.used + 2, idx)
  }

  /** The driver's chain. Without parts if it makes no sense; such a chain never fits. */
  #chainAt(head: number): GivenChain {
    const { desc, size } = this.#queue
    const parts: GivenPart[] = []
    let index = head
    for (let n = 0; n < size; n++) {
      if (index >= size) return { head, parts: [] }
      const entry = this.#window.read(desc + DESCRIPTOR_SIZE * index, DESCRIPTOR_SIZE)
      const flags = getU16(entry, 12)
      const [at, lengthBytes] = [getAddress(entry, 0), getU32(entry, 8)]
      const isOutside = !this.#window.holds(at, lengthBytes)
      if (isOutside || (flags & DESCRIPTOR_INDIRECT) !== 0) return { head, parts: [] }
      parts.push({ at, lengthBytes, isWritable: (flags & DESCRIPTOR_WRITE) !== 0 })
      if ((flags & DESCRIPTOR_NEXT) === 0) return { head, parts }
      index = getU16(entry, 14)
    }
    return { head, parts: [] }
  }
}
