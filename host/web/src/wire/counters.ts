// Counts what crosses the cable, and computes the rest of the budget that the DeviceScript runtime gives a program.

import type { Direction } from "../../../src/link/link.js"
import type { SeenPacket } from "./row.js"

/** The cost of a packet for a program, and how many it may send at once after a rest (docs/bus.md). */
export const BUDGET_PACKET_MS = 20
export const BUDGET_BURST = 5
/** The median is of so many round trips. */
const MEDIAN_OF = 101

export interface WayCount {
  /** Packets with records, and their bytes. */
  packets: number
  bytes: number
  messages: number
  /** Packets with records that were dropped, damaged or cut off on the way. */
  lost: number
  /** Packets that were sent again. */
  again: number
}

export class Counters {
  readonly out = emptyCount()
  readonly in = emptyCount()
  roundTripCount = 0
  lastRoundTripMs: number | undefined

  readonly #roundTripsMs: number[] = []
  /** Credit in packets at `#creditAtMs`, as the runtime's throttle counts it. */
  #credit = BUDGET_BURST
  #creditAtMs = 0

  count(packet: SeenPacket): void {
    const way = this[packet.direction satisfies Direction]
    if (packet.contents.hasData) {
      way.packets++
      way.bytes += packet.bytes.length
      if (packet.fate !== "delivered") way.lost++
      way.messages += packet.contents.records.filter(({ kind }) => kind === "message").length
    }
    if (packet.isRepetition) way.again++
    if (packet.direction === "in") {
      this.#credit = Math.max(0, this.budget(packet.atMs) - 1)
      this.#creditAtMs = packet.atMs
    }
  }

  roundTrip(tookMs: number): void {
    this.roundTripCount++
    this.lastRoundTripMs = tookMs
    this.#roundTripsMs.push(tookMs)
    if (this.#roundTripsMs.length > MEDIAN_OF) this.#roundTripsMs.shift()
  }

  /** The median of the last 101 round trips. Undefined before the first. */
  get medianRoundTripMs(): number | undefined {
    const sorted = [...this.#roundTripsMs].sort((a, b) => a - b)
    return sorted[sorted.length >> 1]
  }

  /** How many packets the device could now send at once: 0 to 5. */
  budget(nowMs: number): number {
    return Math.min(BUDGET_BURST, this.#credit + Math.max(0, nowMs - this.#creditAtMs) / BUDGET_PACKET_MS)
  }
}

function emptyCount(): WayCount {
  return { packets: 0, bytes: 0, messages: 0, lost: 0, again: 0 }
}
