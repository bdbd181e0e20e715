// The device's side of the plain profile as a channel sees it (docs/conform-your-own.md). It does not matter what the
// stream and the shared memory are made of.

import type { CloseReason } from "../link/link.js"
import type { PlainGreeting } from "./plain-record.js"

export interface PlainEvents {
  /** A frame from the device. The receiver may keep the bytes. */
  onFrame(frame: Uint8Array): void
  /** The connection has gone: called once, and not after `close`. */
  onClose(reason: CloseReason): void
}

/** The memory that both sides see. Bytes outside read as 0, and writing there does nothing. */
export interface PlainWindow {
  read(offset: number, lengthBytes: number): Uint8Array
  write(offset: number, bytes: Uint8Array): void
}

/** A device of the plain profile that can be connected to, or another device that shares memory in a file. */
export interface PlainPeer {
  /** What people call the bus; "plain profile" when absent. */
  readonly busName?: string | undefined
  /** `slotBytes`: each message fills a slot of so many bytes, with zeros behind it. */
  readonly greeting: PlainGreeting & { readonly slotBytes?: number }
  readonly window: PlainWindow
  send(frame: Uint8Array): void
  close(): Promise<void>
}

/** Connects to a device, each time anew. Rejects with CONNECT_FAILED, PROTOCOL or VERSION_MISMATCH. */
export type OpenPlainPeer = (events: PlainEvents) => Promise<PlainPeer>
