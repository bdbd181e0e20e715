// What a bus of devices stands on: something that carries its messages, and the window that it shares with the
// driver. A Mailbox is one; a stream of frames beside memory that is really shared is another.

import type { ByteBuf, OwnedBytes } from "../bytes.js"
import type { MessageHandler } from "../mailbox/mailbox.js"
import type { OutgoingArea } from "../mailbox/outgoing-area.js"

export interface DeviceChannel {
  /** What the driver writes, as it is now. */
  readonly incoming: OwnedBytes
  /** As `Mailbox.incomingVersions`; undefined where nobody tells what was written. */
  readonly incomingVersions: number[] | undefined
  /** What the device writes, and which of it is not with the driver yet. */
  readonly outgoing: OutgoingArea
  /** 0 until a driver connects; HELLO tells it. */
  readonly epoch: number
  /** Changes whenever messages leave together, where they wait for each other; else any number. */
  readonly nextOut: number
  /** To be called for each message of the driver's, in order: it lies in `bytes` at `offset`. The bus sets it. */
  onMessage: MessageHandler
  /** Whether anything waits to leave. */
  hasPending(): boolean
  /** Sends a message, behind all that was written. The frame does not change until it has left. */
  post(frame: ByteBuf): void
}
