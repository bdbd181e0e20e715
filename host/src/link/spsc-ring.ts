// Messages in a ring of shared memory with one producer and one consumer, as QEMU's public virtio-msg buses have it.
//
//   0    u32 head: the slot that is written next; the producer's
//   64   u32 tail: the slot that is read next; the consumer's
//   128  slots of 64 bytes, a message each, from byte 0 on
//
// Both cursors run from 0 to the number of slots less 1. Head = tail: empty. Head + 1 = tail: full. Numbers are
// little-endian. The producer writes the slot, then head; the consumer reads it, then writes tail.

import { getU32, putU32 } from "../../../shared-protocol/src/bytes.js"
import { counted } from "../counted.js"
import { protocolBroken, type VirtioMsgError } from "../errors.js"

export const SLOT_BYTES = 64
const HEAD_AT = 0
const TAIL_AT = 64
const SLOTS_AT = 128
/**
 * One slot always stays empty, so a ring of fewer than two slots could hold nothing. Nobody makes one of more than
 * this.
 */
const FEWEST_SLOTS = 2
const MOST_SLOTS = 65536

/** A ring's memory, which the peer may change at any moment. */
export interface RingMemory {
  /** For error messages. */
  readonly path: string
  readonly lengthBytes: number
  read(offset: number, lengthBytes: number): Uint8Array
  write(offset: number, bytes: Uint8Array): void
}

/** What both halves have in common: they read and check the memory. */
class Ring {
  readonly memory: RingMemory
  readonly slots: number

  /** Throws PROTOCOL for a memory that is no ring. */
  constructor(memory: RingMemory) {
    this.memory = memory
    this.slots = Math.floor((memory.lengthBytes - SLOTS_AT) / SLOT_BYTES)
    if (this.slots < FEWEST_SLOTS || this.slots > MOST_SLOTS)
      throw protocolBroken(
        `${memory.path} is no ring of messages: it has ${counted(memory.lengthBytes, "byte")}.`,
        {
          hint: `A ring has ${SLOTS_AT} bytes and ${FEWEST_SLOTS} to ${MOST_SLOTS} slots of ${SLOT_BYTES} bytes.`,
        },
      )
  }

  /** A cursor as the memory has it. Throws PROTOCOL for one outside the ring. */
  cursor(at: typeof HEAD_AT | typeof TAIL_AT): number {
    const value = getU32(this.memory.read(at, 4), 0)
    if (value < this.slots) return value
    throw this.broken(`its ${at === HEAD_AT ? "head" : "tail"} is slot ${value}, of ${this.slots}`)
  }

  moveCursor(at: typeof HEAD_AT | typeof TAIL_AT, value: number): void {
    const bytes = new Uint8Array(4)
    putU32(bytes, 0, value)
    this.memory.write(at, bytes)
  }

  /** Slots from one cursor to another. */
  distance(from: number, to: number): number {
    return (to - from + this.slots) % this.slots
  }

  broken(what: string): VirtioMsgError {
    return protocolBroken(`The ring ${this.memory.path} says that ${what}.`, {
      hint: "Start the other side anew, with new rings.",
    })
  }
}

/**
 * The half that writes. It keeps a cursor of its own: it does not matter what the peer writes over it in the memory.
 */
export class RingProducer {
  readonly #ring: Ring
  #head: number
  /** The peer's cursor as last seen. */
  #tail: number

  /** Continues at the ring's cursors. Throws PROTOCOL for a memory that is no ring. */
  constructor(memory: RingMemory) {
    this.#ring = new Ring(memory)
    this.#head = this.#ring.cursor(HEAD_AT)
    this.#tail = this.#ring.cursor(TAIL_AT)
  }

  /**
   * Writes a message of at most SLOT_BYTES; the rest of its slot is 0. False when the ring is full. Throws PROTOCOL
   * when the peer's cursor is where it cannot be.
   */
  push(message: Uint8Array): boolean {
    const ring = this.#ring
    const tail = ring.cursor(TAIL_AT)
    const taken = ring.distance(this.#tail, tail)
    const unread = ring.distance(this.#tail, this.#head)
    if (taken > unread)
      throw ring.broken(`${counted(taken, "message")} were taken out, and there were ${unread}`)
    this.#tail = tail
    const next = (this.#head + 1) % ring.slots
    if (next === tail) return false
    const slot = new Uint8Array(SLOT_BYTES)
    slot.set(message)
    ring.memory.write(SLOTS_AT + SLOT_BYTES * this.#head, slot)
    this.#head = next
    ring.moveCursor(HEAD_AT, next)
    return true
  }
}

/** The half that reads. */
export class RingConsumer {
  readonly #ring: Ring
  #tail: number

  /** Skips what is in the ring: it was for an earlier reader. Throws PROTOCOL for a memory that is no ring. */
  constructor(memory: RingMemory) {
    this.#ring = new Ring(memory)
    this.#tail = this.#ring.cursor(HEAD_AT)
    this.#ring.moveCursor(TAIL_AT, this.#tail)
  }

  /**
   * All slots that are written by now, oldest first, each as a whole. Throws PROTOCOL for a cursor outside the ring.
   */
  take(): Uint8Array[] {
    const { memory, slots } = this.#ring
    // the cursor is read once, so that a peer who writes faster than we read does not keep us here
    let left = this.#ring.distance(this.#tail, this.#ring.cursor(HEAD_AT))
    const messages: Uint8Array[] = []
    for (; left > 0; left--) {
      messages.push(memory.read(SLOTS_AT + SLOT_BYTES * this.#tail, SLOT_BYTES))
      this.#tail = (this.#tail + 1) % slots
    }
    if (messages.length > 0) this.#ring.moveCursor(TAIL_AT, this.#tail)
    return messages
  }
}
