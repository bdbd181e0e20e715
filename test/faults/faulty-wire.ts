// One direction of a byte stream on which things go wrong. Frames go in, chunks of bytes come out, later.

import type { Clock, Timer } from "../../host/src/clock.js"
import type { Faults } from "./faults.js"
import { wholeNumber } from "./seeded-random.js"

/** How much later than the others a reordered frame comes, in milliseconds. */
const REORDER_MS = 15
const MAX_GARBAGE_BYTES = 64
const LINES = [
  "DM: gc 12 free\r\n",
  "main.ts: started\r\n",
  "* connected\r\n",
  "\xfe\xfe half a mark\r\n",
  "line without an end ",
]

export class FaultyWire {
  /** What happened so far, in frames, and in bits. */
  readonly counts = { sent: 0, lost: 0, doubled: 0, late: 0, cut: 0, noisy: 0, flippedBits: 0 }

  readonly #clock: Clock
  readonly #random: () => number
  readonly #deliver: (chunk: Uint8Array) => void
  #faults: Faults
  readonly #underWay = new Set<Timer>()
  /** When the frame before arrives: what is not reordered stays in order. */
  #lastMs = 0
  /** Good bits until the next one that flips. */
  #bitsToError = Number.POSITIVE_INFINITY

  constructor(clock: Clock, random: () => number, faults: Faults, deliver: (chunk: Uint8Array) => void) {
    this.#clock = clock
    this.#random = random
    this.#faults = faults
    this.#deliver = deliver
    this.#drawError()
  }

  /** What goes wrong from now on. */
  setFaults(faults: Faults): void {
    this.#faults = faults
    this.#drawError()
  }

  /** What is under way never arrives. */
  cut(): void {
    for (const timer of this.#underWay) timer.cancel()
    this.#underWay.clear()
  }

  send(frame: Uint8Array): void {
    const { counts } = this
    const faults = this.#faults
    counts.sent++
    if (this.#happens(faults.loss)) {
      counts.lost++
      return
    }
    let bytes = Uint8Array.from(frame)
    if (this.#happens(faults.truncation)) {
      counts.cut++
      const at = wholeNumber(this.#random, 0, bytes.length - 1)
      bytes = bytes.slice(0, at)
    }
    if (this.#happens(faults.garbage)) {
      counts.noisy++
      const noise = wholeNumber(this.#random, 1, MAX_GARBAGE_BYTES)
      bytes = Uint8Array.of(
        ...Array.from({ length: noise }, () => wholeNumber(this.#random, 0, 255)),
        ...bytes,
      )
    }
    if (this.#happens(faults.consoleText)) {
      counts.noisy++
      const line = LINES[wholeNumber(this.#random, 0, LINES.length - 1)] as string
      bytes = Uint8Array.of(...Array.from(line, (character) => character.charCodeAt(0)), ...bytes)
    }
    this.#flip(bytes)
    const arrivalMs = this.#clock.now() + faults.latencyMs + this.#random() * faults.jitterMs
    if (this.#happens(faults.reordering)) {
      counts.late++
      this.#arrive(bytes, arrivalMs + this.#random() * REORDER_MS)
      return
    }
    this.#lastMs = Math.max(this.#lastMs, arrivalMs)
    this.#arrive(bytes, this.#lastMs)
    if (this.#happens(faults.duplication)) {
      counts.doubled++
      this.#arrive(bytes, this.#lastMs)
    }
  }

  #arrive(bytes: Uint8Array, atMs: number): void {
    if (bytes.length === 0) return
    const timer = this.#clock.schedule(atMs - this.#clock.now(), () => {
      this.#underWay.delete(timer)
      // a stream has no frames: chunks end anywhere
      const cut = this.#random() < 0.1 ? wholeNumber(this.#random, 0, bytes.length) : bytes.length
      if (cut > 0) this.#deliver(bytes.subarray(0, cut))
      if (cut < bytes.length) this.#deliver(bytes.subarray(cut))
    })
    this.#underWay.add(timer)
  }

  #happens(share: number): boolean {
    return share > 0 && this.#random() < share
  }

  #flip(bytes: Uint8Array): void {
    let bit = this.#bitsToError
    for (; bit < 8 * bytes.length; bit += this.#bitsToError + 1) {
      const at = bit >> 3
      bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7))
      this.counts.flippedBits++
      this.#drawError()
    }
    this.#bitsToError = bit - 8 * bytes.length
  }

  /** Draws how many good bits come before the next bad one. */
  #drawError(): void {
    const rate = this.#faults.bitErrorRate
    this.#bitsToError =
      rate > 0 ? Math.floor(Math.log(1 - this.#random()) / Math.log(1 - rate)) : Number.POSITIVE_INFINITY
  }
}
