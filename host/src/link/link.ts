// A link moves mailbox packets between the host and one microcontroller. It may lose, double or damage none,
// some or all of them: the mailbox above it repairs that. It knows nothing of what is in them.

import type { WindowBases } from "../../../shared-protocol/src/ring/layout.js"

/** Seen from the host: `out` to the device, `in` from it. */
export type Direction = "out" | "in"

/** Why a link closed; undefined when somebody asked for it. */
export type CloseReason = Error | undefined

export interface LinkEvents {
  /** A packet arrived, 5 to 236 bytes. The bytes are the receiver's to keep. */
  onPacket(packet: Uint8Array): void
  /** The link is gone. Called once for each `open`. */
  onClose(reason: CloseReason): void
  /** A line of text that the device logged beside its packets. */
  onLog?(line: string): void
  /** The device says that it is there, which it does when it has just started, or has heard nobody for a while. */
  onAnnounce?(): void
}

export interface Link {
  /** Where the window's areas begin, where it is not the serial mailbox bus that is behind the link. */
  readonly windowBases?: WindowBases | undefined
  /** What the user calls it: `sim`, `/dev/ttyACM0`, `tcp://...`. */
  readonly name: string
  /** Whether what it reaches runs on this computer, as a simulation. */
  readonly isSimulated: boolean
  /**
   * Opens the link and finds the virtio-msg service behind it. After `onClose` it may be opened again: a board
   * that was plugged in again is looked for.
   * Rejects with CONNECT_FAILED or NOT_FOUND within a bounded time.
   */
  open(events: LinkEvents): Promise<void>
  /** Sends one packet of at most 236 bytes. What is sent to a closed link is dropped. */
  send(packet: Uint8Array): void
  /** Closes the link and leaves no timer, handle or listener behind. */
  close(): Promise<void>
}
