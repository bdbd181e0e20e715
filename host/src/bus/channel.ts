// What a bus needs below it: something that carries virtio-msg messages both ways, and the window that both sides
// share. It opens what it needs, and opens it again. One channel is packets over a link (packet-channel.ts), another
// is frames with a shared file (plain/plain-channel.ts). The bus, the conformance suite and a forwarder between two
// buses need nothing else.

import type { Emitter } from "../emitter.js"
import type { VirtioMsgError } from "../errors.js"
import type { FarEnd } from "../link/far-end.js"
import type { Window } from "./window.js"

/** What a bus tells its transport before any transport message (B5). */
export interface BusParameters {
  readonly revision: number
  /** The largest message in bytes, either way: at least 52 (B11). */
  readonly maxMessageSize: number
  /** Transport feature bits; bit 0 is VIRTIO_MSG_F_STRICT_CONFIG_GENERATION (B6). */
  readonly transportFeatures: number
  /** Neither EVENT_AVAIL nor EVENT_USED is sent. False when absent. The bus decides how this is agreed on (B40). */
  readonly isPolling?: boolean
  /** Each message fills a slot of so many bytes, with zeros at its end. Only msg_size says how long the message is. */
  readonly slotBytes?: number
}

/** What the device's side of a channel says of its bus and of itself at the beginning of an epoch. */
export interface ChannelParameters extends BusParameters {
  /** The number of this epoch, 1 to 65534: another one than the epoch before had. */
  readonly epoch: number
  /** Bytes of the area of the window that the driver writes. */
  readonly driverAreaSize: number
  /** Bytes of the area of the window that the device writes. */
  readonly deviceAreaSize: number
  /** At most 32 ASCII characters. */
  readonly board: string
  /** Major, minor, patch, 0. */
  readonly firmwareVersion: readonly number[]
  readonly hasSimulatedChips: boolean
}

/** The driver's end of a channel. */
export interface Channel {
  /** What the user calls it: `sim`, `/dev/ttyACM0`, `tcp://...`. */
  readonly name: string
  /** What a person can do about the device at the far end. */
  readonly farEnd: FarEnd
  /**
   * The memory that both sides see. Each epoch has a new one; before the first epoch there is one without room. What
   * is written into it before `post` or `flush` reaches the device before the message does. What the device wrote
   * before a message is in it before `onMessage`.
   */
  readonly window: Window
  /** Of this epoch, or of the last one; undefined before the first. */
  readonly parameters: ChannelParameters | undefined
  /** Whether what carries the messages is open: from `connect` until LINK_CLOSED. */
  readonly isOpen: boolean
  /** A frame from the device's side, unchecked and with its token. The receiver may keep the bytes. */
  readonly onMessage: Emitter<[frame: Uint8Array]>
  /**
   * The epoch is over: the device started again, fell silent or broke the protocol. With LINK_CLOSED, what carries the
   * messages has gone, too; this one is told also while connecting. `connect` begins the next epoch.
   */
  readonly onLost: Emitter<[error: VirtioMsgError]>
  /** A line of text that the device logged beside its messages. */
  readonly onLog: Emitter<[line: string]>
  /** The device's side says that it is there, while there is no epoch: `connect` is worth a try. */
  readonly onAnnounce: Emitter<[]>
  /**
   * Opens what is not open, and begins an epoch, also when one lasts: that one then ends. May be called again only
   * when the call before has settled. Rejects in bounded time, with CONNECT_FAILED, NOT_FOUND, PROTOCOL,
   * VERSION_MISMATCH or LINK_CLOSED.
   */
  connect(): Promise<ChannelParameters>
  /**
   * Sends a frame soon, unchanged, after those posted before. A frame that is posted while there is no epoch is
   * dropped.
   */
  post(frame: Uint8Array): void
  /**
   * As `post`, but does nothing when the same bytes already wait to be sent. Everything written by now leaves before
   * that message does, so it serves for this call, too. Returns whether the frame was posted.
   */
  postOnce(frame: Uint8Array): boolean
  /** Sends soon what changed in the window, without a message. */
  flush(): void
  /**
   * Tells that an answer is awaited, until the returned function is called. Call it once. In this time a channel that
   * can will notice within bounded time that the device has gone.
   */
  hold(): () => void
  /** Ends the epoch without `onLost`, and leaves no timer, handle or listener. It cannot be connected again. */
  close(): Promise<void>
}

/** Whether a value is a channel rather than a link of packets. */
export function isChannel(carrier: object): carrier is Channel {
  return "post" in carrier && "connect" in carrier
}
