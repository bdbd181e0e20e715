// What a session needs of /dev/virtio-msg-bridge. Behind it is the kernel (device-node.ts), or code that plays the
// kernel in this process.

import type { Mapping, Watch } from "../vhost-user/libc.js"
import type { Caps } from "./layouts.js"

export interface EndpointAddress {
  /** At most 15 bytes: "loopback", "ffa". */
  readonly busName: string
  /** At most 47 bytes; empty where the bus has one endpoint. */
  readonly busId: string
}

/** The rings of a session. Both sides see them. */
export interface AttachedRings {
  readonly caps: Caps
  /** From the device model to the kernel: header and slots. */
  readonly tx: Uint8Array<ArrayBufferLike>
  readonly rx: Uint8Array<ArrayBufferLike>
  /** Tells the kernel that a cursor of ours has moved. */
  kick(): void
  /**
   * Calls back, in a turn of its own, whenever the kernel says that one of its cursors has moved or that anything else
   * has changed.
   */
  onCall(callback: () => void): Watch
  /** Whether the kernel ended the session. */
  isOver(): boolean
}

/** An open node: one session. A method throws SystemError when the kernel refuses it. */
export interface BridgeNode {
  /** The handle of an endpoint, never 0. With `create` the endpoint is made if it does not exist. */
  resolve(address: EndpointAddress, create: boolean): number
  release(handle: number): void
  /** Attaches the session; messages have at most `maxMessageSize` bytes, either way. */
  attach(handle: number, maxMessageSize: number): AttachedRings
  /** Maps a window that MAP_ADD announced. */
  map(mmapOffset: number, lengthBytes: number): Mapping
  detach(): void
  close(): void
}
