// Watches what crosses a link. It is a wrapper: the link inside does not know that it is watched.

import { Emitter } from "../emitter.js"
import type { Direction, Link } from "./link.js"
import { wrapLink } from "./wrap-link.js"

/** `up`: an epoch began; `lost`: it is over, a new one may begin; `closed`: for good. */
export type LinkState = "up" | "lost" | "closed"

/** A watcher. A `Trace` is one that puts what it is told into words. */
export class Tap {
  /**
   * A virtio-msg message of the bus: told when it is queued to be sent, or has arrived. Messages of a channel itself,
   * such as HELLO, are only seen in its packets.
   */
  readonly onMessage: Emitter<[direction: Direction, frame: Uint8Array]> = new Emitter()
  /** A mailbox packet: told each time that it is sent, also when sent again, or arrives. */
  readonly onPacket: Emitter<[direction: Direction, packet: Uint8Array]> = new Emitter()
  /** The link comes, is lost, or has gone for good. */
  readonly onState: Emitter<[state: LinkState, text: string]> = new Emitter()
}

/**
 * `link` itself, with `tap` told of each packet first.
 *
 * @example
 * ```ts
 * import { Bus, makeLink, PacketChannel, tapLink, Trace } from "virtio-msg"
 *
 * const trace = new Trace()
 * let packets = 0
 * trace.onPacket.on(() => packets++)
 * const channel = new PacketChannel(tapLink(await makeLink("sim"), trace))
 * const bus = await Bus.open(channel, { trace }) // which hears of messages, too
 * console.log(packets > 0) // true
 * await bus.close()
 * ```
 */
export function tapLink(link: Link, tap: Tap): Link {
  return wrapLink(link, (direction, packet, pass) => {
    tap.onPacket.emit(direction, packet)
    pass(packet)
  })
}
