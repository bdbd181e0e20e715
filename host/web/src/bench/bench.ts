// What the page is connected to: a whole system in this page, a board on a serial port, or somebody else's bus.

import type { OpenedBus } from "../../../src/opened-bus.js"
import type { Cable } from "./cable.js"
import type { PacedClock } from "./paced-clock.js"
import type { PacketGate } from "./packet-gate.js"

export type SourceKind = "simulated" | "serial" | "live"

export interface Bench {
  readonly kind: SourceKind
  /** What it is, for people. */
  readonly title: string
  /** The bus that this page drives; undefined where it only looks on. */
  readonly bus: OpenedBus | undefined
  readonly cable: Cable | undefined
  /** Time that can be stopped; undefined where it is the world's. */
  readonly pace: PacedClock | undefined
  /** Where time cannot be stopped: what holds the view of it. */
  readonly gate: PacketGate | undefined
  /** Milliseconds on the bench's clock. */
  now(): number
  /** Takes the board's power away and gives it back; undefined where this page cannot. */
  readonly resetBoard: (() => Promise<void>) | undefined
  /** Ends everything; nothing is left running. */
  close(): Promise<void>
}
