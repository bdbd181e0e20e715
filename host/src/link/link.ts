// A link moves mailbox packets between the host and one microcontroller. It may lose, repeat or damage any of them:
// the mailbox above it repairs that. It does not know what is in them.

import type { FarEnd } from "./far-end.js"

/** Seen from the host: `out` to the device, `in` from it. */
export type Direction = "out" | "in"

/** Why a link closed. Undefined when it was asked to. */
export type CloseReason = Error | undefined

export interface LinkEvents {
  /** A packet arrived, 5 to 236 bytes. The receiver may keep the bytes. */
  onPacket(packet: Uint8Array): void
  /** The link is gone. Called once for each `open`. */
  onClose(reason: CloseReason): void
  /** A line of text that the device logged beside its packets. */
  onLog?(line: string): void
  /** The device says that it is there. It does so when it has just started, or has heard nobody for a while. */
  onAnnounce?(): void
}

export interface Link {
  /** What the user calls it: `sim`, `/dev/ttyACM0`, `tcp://...`. */
  readonly name: string
  /** Whether the far end is a simulation on this computer. */
  readonly isSimulated: boolean
  /**
   * Whether every packet arrives, once and in order, until the link closes. Then nothing is sent again just because
   * time has passed. False when absent.
   */
  readonly isReliable?: boolean | undefined
  /** What a person can do about the device at the far end. If absent, `isSimulated` decides what is said. */
  readonly farEnd?: FarEnd | undefined
  /**
   * Opens the link and finds the virtio-msg service behind it. May be called again after `onClose`: then it looks for
   * a board that was plugged in again.
   * Rejects with CONNECT_FAILED or NOT_FOUND within a bounded time.
   */
  open(events: LinkEvents): Promise<void>
  /** Sends one packet of at most 236 bytes. What is sent to a closed link is dropped. */
  send(packet: Uint8Array): void
  /** Closes the link and leaves no timer, handle or listener. */
  close(): Promise<void>
}
