// Watches a device of the plain profile. Traces, captures and the page only know messages in packets, so each frame is
// shown as a packet that holds it. The rest of this packet is made up, and only watchers see it.

import {
  MAX_MESSAGE_SIZE,
  MESSAGE_OVERHEAD,
  PACKET_CONNECT,
  PACKET_DATA,
  PACKET_HEADER_SIZE,
  RECORD_MESSAGE,
} from "../../../shared-protocol/src/mailbox/packet.js"
import type { Direction } from "../link/link.js"
import type { Tap } from "../link/tap.js"
import type { OpenPlainPeer } from "./plain-peer.js"

/** What `open` connects to, with `tap` told of each frame first. A frame that fits no packet is not shown. */
export function tapPeer(open: OpenPlainPeer, tap: Tap): OpenPlainPeer {
  let epoch = 0
  return async (events) => {
    epoch = (epoch % 0xfffe) + 1
    const mine = epoch
    const next = { out: 0, in: 0 }
    const show = (direction: Direction, frame: Uint8Array) => {
      if (frame.length > MAX_MESSAGE_SIZE) return
      const isFirst = direction === "out" && next.out === 0 && next.in === 0
      const flags = PACKET_DATA | (isFirst ? PACKET_CONNECT : 0)
      const other = direction === "out" ? next.in : next.out
      const packet = new Uint8Array(PACKET_HEADER_SIZE + MESSAGE_OVERHEAD + frame.length)
      packet.set([flags, mine & 0xff, mine >> 8, next[direction] & 0xff, other & 0xff])
      packet.set([RECORD_MESSAGE, frame.length], PACKET_HEADER_SIZE)
      packet.set(frame, PACKET_HEADER_SIZE + MESSAGE_OVERHEAD)
      next[direction]++
      tap.onPacket.emit(direction, packet)
    }
    const peer = await open({
      onFrame(frame) {
        show("in", frame)
        events.onFrame(frame)
      },
      onClose: (reason) => events.onClose(reason),
    })
    return {
      busName: peer.busName,
      greeting: peer.greeting,
      window: peer.window,
      send(frame) {
        show("out", frame)
        peer.send(frame)
      },
      close: () => peer.close(),
    }
  }
}
