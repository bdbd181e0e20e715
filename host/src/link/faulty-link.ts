// A link on which things go wrong: a wrapper around any link. Around a port of Jacdac frames it does the damage that a
// bad cable does, and the checksums of the frames find it.

import type { Clock, Timer } from "../clock.js"
import { Emitter } from "../emitter.js"
import { type FarEnd, farEndOf } from "./far-end.js"
import type { Direction, Link, LinkEvents } from "./link.js"
import { wrapLink } from "./wrap-link.js"

/** Shares are of all packets, 0 to 1. */
export interface LinkFaults {
  /** Packets that vanish. */
  readonly loss: number
  /** Packets of which one bit is turned. */
  readonly damage: number
  /** Packets that arrive twice. */
  readonly duplication: number
  /** Packets that arrive late, so that others overtake them. */
  readonly reordering: number
  /** The least time that a packet takes, and how much longer it takes at most, in milliseconds. */
  readonly latencyMs: number
  readonly jitterMs: number
}

const NO_LINK_FAULTS: LinkFaults = {
  loss: 0,
  damage: 0,
  duplication: 0,
  reordering: 0,
  latencyMs: 0,
  jitterMs: 0,
}

/** What became of a packet. */
export type Fate = "delivered" | "dropped" | "damaged" | "cut"

/** How much later than the others a reordered packet comes, in milliseconds. */
const REORDER_MS = 15

export class FaultyLink implements Link {
  /** A packet was put on the wire. */
  readonly onFate: Emitter<[direction: Direction, packet: Uint8Array, fate: Fate]> = new Emitter()
  readonly name: string
  readonly isSimulated: boolean
  readonly isReliable = false
  readonly farEnd: FarEnd
  readonly #link: Link
  readonly #clock: Clock
  readonly #random: () => number
  #faults = NO_LINK_FAULTS
  #isCut = false
  readonly #underWay = new Set<Timer>()
  /** When the packet before arrives. What is not reordered arrives after it. */
  readonly #lastMs = { out: 0, in: 0 }

  /** `random` draws from 0 up to 1. Nothing goes wrong before `setFaults` or `cut`. */
  constructor(link: Link, clock: Clock, random: () => number) {
    this.name = link.name
    this.isSimulated = link.isSimulated
    this.farEnd = farEndOf(link)
    this.#link = wrapLink(link, (direction, packet, pass) => this.#carry(direction, packet, pass))
    this.#clock = clock
    this.#random = random
  }

  /** Sets what goes wrong from now on. What is not named stays as it is. */
  setFaults(faults: Partial<LinkFaults>): void {
    this.#faults = { ...this.#faults, ...faults }
  }

  get isCut(): boolean {
    return this.#isCut
  }

  /** Loses the packets that are on their way, and all that come until `mend`. */
  cut(): void {
    this.#isCut = true
    this.#loseAll()
  }

  mend(): void {
    this.#isCut = false
  }

  open(events: LinkEvents): Promise<void> {
    this.#loseAll()
    return this.#link.open(events)
  }

  send(packet: Uint8Array): void {
    this.#link.send(packet)
  }

  close(): Promise<void> {
    this.#loseAll()
    return this.#link.close()
  }

  /** Delivers packets, if they are not lost. */
  protected spoil(_direction: Direction, packet: Uint8Array): Uint8Array {
    return packet
  }

  #carry(direction: Direction, packet: Uint8Array, pass: (packet: Uint8Array) => void): void {
    const faults = this.#faults
    if (this.#isCut || this.#happens(faults.loss)) {
      this.onFate.emit(direction, packet, this.#isCut ? "cut" : "dropped")
      return
    }
    const isDamaged = this.#happens(faults.damage)
    this.onFate.emit(direction, packet, isDamaged ? "damaged" : "delivered")
    const spoilt = this.spoil(direction, packet)
    const bytes = isDamaged ? this.#withBitTurned(spoilt) : spoilt
    const arrivalMs = this.#clock.now() + faults.latencyMs + this.#random() * faults.jitterMs
    if (this.#happens(faults.reordering)) {
      this.#arriveAt(arrivalMs + this.#random() * REORDER_MS, bytes, pass)
      return
    }
    this.#lastMs[direction] = Math.max(this.#lastMs[direction], arrivalMs)
    this.#arriveAt(this.#lastMs[direction], bytes, pass)
    if (this.#happens(faults.duplication)) this.#arriveAt(this.#lastMs[direction], bytes, pass)
  }

  #arriveAt(atMs: number, bytes: Uint8Array, pass: (packet: Uint8Array) => void): void {
    const waitMs = atMs - this.#clock.now()
    if (waitMs <= 0 && this.#underWay.size === 0) {
      pass(bytes)
      return
    }
    const timer = this.#clock.schedule(waitMs, () => {
      this.#underWay.delete(timer)
      pass(bytes)
    })
    this.#underWay.add(timer)
  }

  #loseAll(): void {
    for (const timer of this.#underWay) timer.cancel()
    this.#underWay.clear()
  }

  #happens(share: number): boolean {
    return share > 0 && this.#random() < share
  }

  #withBitTurned(packet: Uint8Array): Uint8Array {
    const bit = Math.floor(this.#random() * packet.length * 8)
    return packet.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
  }
}
