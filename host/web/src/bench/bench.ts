// A connection of the page: to a whole system in this page, to a board on a serial port, or to somebody else's bus.

import type { OpenedBus } from "../../../src/opened-bus.js"
import type { Cable } from "./cable.js"
import type { PacedClock } from "./paced-clock.js"
import type { PacketGate } from "./packet-gate.js"

export type SourceKind = "simulated" | "serial" | "live"

export interface Bench {
  readonly kind: SourceKind
  /** Its name, for people. */
  readonly title: string
  /** The bus that this page drives. Undefined when it only watches. */
  readonly bus?: OpenedBus | undefined
  readonly cable?: Cable
  /** The clock, if time can be stopped. Undefined when it is real time. */
  readonly pace?: PacedClock
  /** Stops the view when time itself cannot be stopped. */
  readonly gate?: PacketGate
  /** Milliseconds on the bench's clock. */
  now(): number
  /** Switches the board off and on. Undefined when this page cannot. */
  readonly resetBoard?: () => Promise<void>
  /** Ends everything. Nothing is left running. */
  close(): Promise<void>
}
