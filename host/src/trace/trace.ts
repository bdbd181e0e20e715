// Where everything that crosses a link can be watched: counters, the demo, captures.

import { Emitter } from "../emitter.js"

/** Seen from the host: `out` to the device, `in` from it. */
export type Direction = "out" | "in"

export class Trace {
  /** A virtio-msg message, when it is queued to be sent, or when it arrived. */
  readonly onMessage = new Emitter<[direction: Direction, frame: Uint8Array]>()
  /** A mailbox packet, each time it is sent, also again, or arrives. */
  readonly onPacket = new Emitter<[direction: Direction, packet: Uint8Array]>()
}
