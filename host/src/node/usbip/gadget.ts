// What a USB device needs so that USB/IP can carry it, and one transfer of it: the counterpart of
// vhost-user/device.ts.

import type { UsbDescription } from "./descriptors.js"

/** The eight bytes that begin a control transfer (USB 2.0 9.3). */
export interface Setup {
  readonly requestType: number
  readonly request: number
  readonly value: number
  readonly index: number
  /** Bytes that follow, or that are asked for at most. */
  readonly length: number
}

export const REQUEST_IN = 0x80
export const REQUEST_TYPE_MASK = 0x60
export const REQUEST_STANDARD = 0x00
export const REQUEST_CLASS = 0x20
export const REQUEST_VENDOR = 0x40

/** The direction bit of an endpoint's address. */
export const ENDPOINT_IN = 0x80

/** A transfer that the computer has submitted. It has to be ended once, at any time, unless it is cancelled. */
export interface UsbTransfer {
  /** With ENDPOINT_IN for a transfer to the computer; 0 for every control transfer. */
  readonly endpoint: number
  /** Of a control transfer. */
  readonly setup: Setup | undefined
  /** What the computer sends. */
  readonly data: Uint8Array
  /** Room for what it takes. */
  readonly length: number
  /** The computer took it back, or has gone. Ending it then does nothing. */
  readonly isCancelled: boolean
  /** Succeeds; `data` is for a transfer to the computer, and is cut to the room there. */
  complete(data?: Uint8Array): void
  /** Refuses: the computer's driver sees EPIPE. */
  stall(): void
}

export interface UsbGadget {
  /** The name for messages to people, as `i2c-tiny-usb`. */
  readonly name: string
  readonly description: UsbDescription
  /**
   * Takes a transfer. Control transfers come one at a time: the next one comes when the last one has ended. Standard
   * requests are answered elsewhere. Transfers of other endpoints come as they are submitted, and are ended in that
   * order.
   */
  handle(transfer: UsbTransfer): void
  /** The computer is there, for the first time or again: the device forgets what happened before. */
  reset(): void
  /** Uses the board no more. Absent where it does so only when it is asked. */
  close?(): void
}
