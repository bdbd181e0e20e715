// What a bus of devices needs below it: something that carries its messages, and the window that it shares with the
// driver. A Mailbox is one. A stream of frames with really shared memory is another.

import type { ByteBuf, OwnedBytes } from "../bytes.js"
import type { MessageHandler } from "../mailbox/mailbox.js"
import type { OutgoingArea } from "../mailbox/outgoing-area.js"

export interface DeviceChannel {
  /** The area that the driver writes, as it is now. */
  readonly incoming: OwnedBytes
  /** As `Mailbox.incomingNotes`; undefined where nothing notes what the driver wrote. */
  readonly incomingNotes: number[] | undefined
  /** The area that the device writes, and which of its bytes the driver has not been sent yet. */
  readonly outgoing: OutgoingArea
  /** 0 until a driver connects. HELLO reports it. */
  readonly epoch: number
  /**
   * A channel that sends several messages together returns another number after each such packet. Others may return
   * any number.
   */
  readonly nextOut: number
  /**
   * The channel calls it for each message of the driver, in order. The message lies in `bytes` at `offset`. The bus
   * sets it.
   */
  onMessage: MessageHandler
  /** Whether anything waits to leave. */
  hasPending(): boolean
  /** Sends a message after everything that was written before. The frame must not change until it was sent. */
  post(frame: ByteBuf): void
}
