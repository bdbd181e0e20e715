// Wrappers around a link. One that watches (tap.ts) and one that does damage (faulty-link.ts) are made in the same
// way, and can be put around each other. The link inside does not know of them.

import type { Direction, Link } from "./link.js"

/** What happens to a packet on its way. `pass` hands it on: once, twice, later, changed, or never. */
export type Carry = (direction: Direction, packet: Uint8Array, pass: (packet: Uint8Array) => void) => void

/** `link` itself, with `carry` between it and its user. */
export function wrapLink(link: Link, carry: Carry): Link {
  return {
    get name() {
      return link.name
    },
    isSimulated: link.isSimulated,
    isReliable: link.isReliable,
    farEnd: link.farEnd,
    open: (events) =>
      link.open({
        onClose: (reason) => events.onClose(reason),
        onLog: (line) => events.onLog?.(line),
        onAnnounce: () => events.onAnnounce?.(),
        onPacket: (packet) => carry("in", packet, (arrived) => events.onPacket(arrived)),
      }),
    send: (packet) => carry("out", packet, (sent) => link.send(sent)),
    close: () => link.close(),
  }
}
