// A faulty link that carries bytes of a serial line: bits flip, ends are cut off, and noise and text stand between
// frames. A packet of it is what one side writes at once.

import type { Clock } from "../../host/src/clock.js"
import { FaultyLink } from "../../host/src/link/faulty-link.js"
import type { Direction, Link } from "../../host/src/link/link.js"
import type { Faults } from "./faults.js"
import { wholeNumber } from "./seeded-random.js"

const MAX_GARBAGE_BYTES = 64
const LINES = [
  "DM: gc 12 free\r\n",
  "main.ts: started\r\n",
  "* connected\r\n",
  "\xfe\xfe half a mark\r\n",
  "line without an end ",
]

export class NoisyLink extends FaultyLink {
  /** What happened so far, in frames, and in bits. */
  readonly counts = { lost: 0, flippedBits: 0 }
  readonly #random: () => number
  #noise: Faults
  /** Good bits until the next one that flips. */
  readonly #bitsToError = { out: 0, in: 0 }

  constructor(link: Link, clock: Clock, random: () => number, faults: Faults) {
    super(link, clock, random)
    this.#random = random
    this.#noise = faults
    this.setNoise(faults)
    this.onFate.on((_direction, _packet, fate) => {
      if (fate === "dropped") this.counts.lost++
    })
  }

  /** What goes wrong from now on. */
  setNoise(faults: Faults): void {
    this.#noise = faults
    this.setFaults(faults)
    for (const direction of ["out", "in"] as const) this.#bitsToError[direction] = this.#drawError()
  }

  protected override spoil(direction: Direction, frame: Uint8Array): Uint8Array {
    let bytes = Uint8Array.from(frame)
    if (this.#happens(this.#noise.truncation))
      bytes = bytes.slice(0, wholeNumber(this.#random, 0, bytes.length - 1))
    if (this.#happens(this.#noise.garbage)) {
      const noise = wholeNumber(this.#random, 1, MAX_GARBAGE_BYTES)
      bytes = Uint8Array.of(
        ...Array.from({ length: noise }, () => wholeNumber(this.#random, 0, 255)),
        ...bytes,
      )
    }
    if (this.#happens(this.#noise.consoleText)) {
      const line = LINES[wholeNumber(this.#random, 0, LINES.length - 1)] as string
      bytes = Uint8Array.of(...Array.from(line, (character) => character.charCodeAt(0)), ...bytes)
    }
    this.#flip(direction, bytes)
    return bytes
  }

  #happens(share: number): boolean {
    return share > 0 && this.#random() < share
  }

  #flip(direction: Direction, bytes: Uint8Array): void {
    let bit = this.#bitsToError[direction]
    for (; bit < 8 * bytes.length; bit += this.#drawError() + 1) {
      const at = bit >> 3
      bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7))
      this.counts.flippedBits++
    }
    this.#bitsToError[direction] = bit - 8 * bytes.length
  }

  /** Draws how many good bits come before the next bad one. */
  #drawError(): number {
    const rate = this.#noise.bitErrorRate
    return rate > 0 ? Math.floor(Math.log(1 - this.#random()) / Math.log(1 - rate)) : Number.POSITIVE_INFINITY
  }
}
