// Lets packets through to the model, or keeps them while a person looks closely. A real board or another program cannot
// be stopped, but the view of it can.

import type { Fate } from "../../../src/link/faulty-link.js"
import type { Direction } from "../../../src/link/link.js"
import { readPacket } from "../../../src/trace/packet-records.js"
import type { WireModel } from "../wire/wire-model.js"

/** No more packets than this are kept: the oldest are then shown, even while paused. */
const MOST_KEPT = 50_000

interface Kept {
  readonly show: () => void
  readonly hasData: boolean
}

export class PacketGate {
  readonly #model: WireModel
  #kept: Kept[] = []
  #isShut = false

  constructor(model: WireModel) {
    this.#model = model
  }

  get isShut(): boolean {
    return this.#isShut
  }

  packet(direction: Direction, bytes: Uint8Array, fate: Fate, atMs: number): void {
    this.#take({
      show: () => this.#model.packet(direction, bytes, fate, atMs),
      hasData: readPacket(bytes)?.hasData ?? false,
    })
  }

  /** Notes something that happened besides the packets, in its place among them. */
  remark(text: string, atMs: number): void {
    this.#take({ show: () => this.#model.remark(text, "plain", atMs), hasData: false })
  }

  shut(): void {
    this.#isShut = true
  }

  open(): void {
    this.#isShut = false
    while (this.#showNext());
  }

  /** Shows the kept packets up to the next one that has contents. */
  step(): void {
    this.#isShut = true
    for (let next = this.#showNext(); next; next = this.#showNext()) if (next.hasData) return
  }

  /** Forgets the kept packets. */
  clear(): void {
    this.#kept = []
  }

  #showNext(): Kept | undefined {
    const next = this.#kept.shift()
    next?.show()
    return next
  }

  #take(kept: Kept): void {
    if (!this.#isShut) kept.show()
    else {
      this.#kept.push(kept)
      if (this.#kept.length > MOST_KEPT) this.#showNext()
    }
  }
}
