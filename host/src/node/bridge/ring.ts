// The two rings between a kernel and a device model, in memory that the other side may change at any moment. Each slot
// holds one frame. Each ring has one producer and one consumer. Cursors are u32 and wrap. A slot is written before the
// cursor that tells of it, which is stored with release and loaded with acquire; JavaScript's Atomics are sequentially
// consistent, so they are both.

import { counted } from "../../counted.js"
import type { VirtioMsgError } from "../../errors.js"
import { sessionOver } from "./kernel-message.js"
import { RING_ENTRIES, RING_HEADER } from "./layouts.js"

/** Indexes of u32 in a ring's header. */
const PROD = RING_HEADER.offsetOf("prod") / 4
const CONS = RING_HEADER.offsetOf("cons") / 4

/** A ring's memory, read and checked. `name` is what error messages call it. */
export class SharedRing {
  readonly name: string
  readonly entrySize: number
  readonly #cursors: Uint32Array
  readonly #bytes: Uint8Array

  /** `bytes` begin with the ring's header, at a multiple of 4, and hold all its slots. */
  constructor(name: string, bytes: Uint8Array<ArrayBufferLike>, entrySize: number) {
    this.name = name
    this.entrySize = entrySize
    this.#cursors = new Uint32Array(bytes.buffer, bytes.byteOffset, RING_HEADER.size / 4)
    this.#bytes = bytes
  }

  /** Makes it an empty ring. */
  clear(): void {
    RING_HEADER.put(this.#bytes, 0, {
      prod: 0,
      cons: 0,
      entries: RING_ENTRIES,
      entrySize: this.entrySize,
      flags: 0,
    })
  }

  get prod(): number {
    return Atomics.load(this.#cursors, PROD)
  }

  set prod(cursor: number) {
    Atomics.store(this.#cursors, PROD, cursor)
  }

  get cons(): number {
    return Atomics.load(this.#cursors, CONS)
  }

  set cons(cursor: number) {
    Atomics.store(this.#cursors, CONS, cursor)
  }

  /** The slot that a cursor stands for. */
  slot(cursor: number): Uint8Array {
    const at = RING_HEADER.size + this.entrySize * (cursor % RING_ENTRIES)
    return this.#bytes.subarray(at, at + this.entrySize)
  }

  broken(what: string): VirtioMsgError {
    return sessionOver(`The ${this.name} ring says that ${what}.`)
  }
}

/** Steps from one cursor to another. */
function distance(from: number, to: number): number {
  return (to - from) >>> 0
}

/**
 * The half that writes. It keeps a cursor of its own: it does not matter what the peer writes over it in the memory.
 */
export class BridgeProducer {
  readonly #ring: SharedRing
  #prod: number
  /** The peer's cursor as last seen. */
  #cons: number

  constructor(ring: SharedRing) {
    this.#ring = ring
    this.#prod = ring.prod
    this.#cons = ring.cons
  }

  /**
   * Writes a frame of at most the ring's entry size; false when the ring is full. Throws PROTOCOL when the peer's cursor
   * went back, or beyond what there is to take.
   */
  push(frame: Uint8Array): boolean {
    const { cons } = this.#ring
    const held = distance(this.#cons, this.#prod)
    const taken = distance(this.#cons, cons)
    if (taken > held)
      throw this.#ring.broken(`its cons went from ${this.#cons} to ${cons}, and prod is ${this.#prod}`)
    this.#cons = cons
    if (held - taken >= RING_ENTRIES) return false
    this.#ring.slot(this.#prod).set(frame)
    this.#prod = (this.#prod + 1) >>> 0
    this.#ring.prod = this.#prod
    return true
  }
}

/** The half that reads. */
export class BridgeConsumer {
  readonly #ring: SharedRing
  #cons: number
  /** The peer's cursor as last seen. */
  #prod: number
  readonly #copy: Uint8Array

  constructor(ring: SharedRing) {
    this.#ring = ring
    this.#cons = ring.cons
    this.#prod = ring.cons
    this.#copy = new Uint8Array(ring.entrySize)
  }

  /**
   * A copy of the whole oldest slot that was not taken. Undefined when there is none. The next call overwrites the
   * copy. The slot goes back to the producer by `release`. Throws PROTOCOL when the peer's cursor went back, or is
   * ahead by more than the ring's slots.
   */
  peek(): Uint8Array | undefined {
    if (this.#prod === this.#cons) {
      const { prod } = this.#ring
      const ahead = distance(this.#cons, prod)
      if (ahead > RING_ENTRIES)
        throw this.#ring.broken(
          `its prod is ${prod}, ${counted(ahead, "slot")} before its cons ${this.#cons}`,
        )
      this.#prod = prod
      if (ahead === 0) return undefined
    }
    this.#copy.set(this.#ring.slot(this.#cons))
    return this.#copy
  }

  /** Gives the slot back that `peek` returned. */
  release(): void {
    this.#cons = (this.#cons + 1) >>> 0
    this.#ring.cons = this.#cons
  }
}
