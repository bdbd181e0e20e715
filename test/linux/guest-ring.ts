// The driver's side of a split virtqueue in a piece of plain memory, as a guest's driver would have it, and
// without any check: tests also write nonsense with it.

import { DESCRIPTOR_NEXT, DESCRIPTOR_WRITE } from "../../shared-protocol/src/ring/layout.js"

/** Where the memory is, for the guest and for the front end's process. */
export const GUEST_BASE = 0x4000_0000
export const USER_BASE = 0x7f00_0000_0000

const DESCRIPTORS_AT = 0x1000
const AVAILABLE_AT = 0x6000
const USED_AT = 0x8000
/** From here on, tests put buffers. */
export const BUFFERS_AT = 0x1_0000
export const MEMORY_LENGTH = 0x4_0000

/** One buffer of a chain. */
export type Part = { readonly out: ArrayLike<number> } | { readonly room: number }

export class GuestRing {
  readonly bytes: Uint8Array
  readonly size: number
  /** Free-running index of the available ring. */
  availableIdx = 0
  #usedIdx = 0
  #view: DataView
  #nextDescriptor = 0
  #nextBuffer = BUFFERS_AT

  constructor(bytes: Uint8Array, size: number) {
    this.bytes = bytes
    this.size = size
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** The ring's place, as a front end tells it. */
  get layout() {
    return {
      size: this.size,
      descriptors: USER_BASE + DESCRIPTORS_AT,
      available: USER_BASE + AVAILABLE_AT,
      used: USER_BASE + USED_AT,
    }
  }

  /** Where the device says from which chain on it wants to be kicked. */
  get availableEvent(): number {
    return this.#view.getUint16(USED_AT + 4 + 8 * this.size, true)
  }

  set usedEvent(value: number) {
    this.#view.setUint16(AVAILABLE_AT + 4 + 2 * this.size, value, true)
  }

  set flags(value: number) {
    this.#view.setUint16(AVAILABLE_AT, value, true)
  }

  describe(index: number, address: number, length: number, flags: number, next = 0): void {
    this.#writeDescriptor(DESCRIPTORS_AT + 16 * index, address, length, flags, next)
  }

  /** Writes a table of descriptors into a buffer; returns its guest address. */
  indirectTable(
    rows: readonly (readonly [address: number, length: number, flags: number, next: number])[],
  ): number {
    const at = this.allocate(16 * rows.length)
    rows.forEach((row, index) => {
      this.#writeDescriptor(at + 16 * index, ...row)
    })
    return GUEST_BASE + at
  }

  /** The offset of `length` bytes that nobody uses. */
  allocate(length: number): number {
    const at = this.#nextBuffer
    this.#nextBuffer += (length + 15) & ~15
    return at
  }

  /** Makes a chain of buffers and offers it; returns its head, and the offsets of the buffers. */
  add(parts: readonly Part[]): { head: number; offsets: number[] } {
    const head = this.#nextDescriptor
    const offsets = parts.map((part, at) => {
      const isLast = at === parts.length - 1
      const index = this.#nextDescriptor
      this.#nextDescriptor = (index + 1) % this.size
      const length = "out" in part ? part.out.length : part.room
      const offset = this.allocate(length)
      if ("out" in part) this.bytes.set(part.out, offset)
      const flags = ("out" in part ? 0 : DESCRIPTOR_WRITE) | (isLast ? 0 : DESCRIPTOR_NEXT)
      this.describe(index, GUEST_BASE + offset, length, flags, this.#nextDescriptor)
      return offset
    })
    this.offer(head)
    return { head, offsets }
  }

  /** Puts a head into the available ring. */
  offer(head: number): void {
    this.#view.setUint16(AVAILABLE_AT + 4 + 2 * (this.availableIdx % this.size), head, true)
    this.setAvailableIdx(this.availableIdx + 1)
  }

  setAvailableIdx(value: number): void {
    this.availableIdx = value & 0xffff
    this.#view.setUint16(AVAILABLE_AT + 2, this.availableIdx, true)
  }

  /** What the device gave back since the last call. */
  takeUsed(): { head: number; length: number }[] {
    const taken: { head: number; length: number }[] = []
    for (
      ;
      this.#usedIdx !== this.#view.getUint16(USED_AT + 2, true);
      this.#usedIdx = (this.#usedIdx + 1) & 0xffff
    ) {
      const at = USED_AT + 4 + 8 * (this.#usedIdx % this.size)
      taken.push({ head: this.#view.getUint32(at, true), length: this.#view.getUint32(at + 4, true) })
    }
    return taken
  }

  #writeDescriptor(at: number, address: number, length: number, flags: number, next: number): void {
    this.#view.setBigUint64(at, BigInt(address), true)
    this.#view.setUint32(at + 8, length, true)
    this.#view.setUint16(at + 12, flags, true)
    this.#view.setUint16(at + 14, next, true)
  }
}
