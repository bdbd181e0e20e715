// Golden vectors of mailbox packets (docs/bus.md "Packets").
// The first line of each is the packet's header: flags, epoch, sequence, acknowledgement.

import type { Allocator, ByteBuf } from "../../shared-protocol/src/bytes.js"
import {
  Mailbox,
  RECEIVED_ACKNOWLEDGEMENT,
  RECEIVED_DATA,
} from "../../shared-protocol/src/mailbox/mailbox.js"
import { PACKET_RESEND } from "../../shared-protocol/src/mailbox/packet.js"
import { encodeEventUsed } from "../../shared-protocol/src/messages/events.js"
import { type PacketVector, same, sameBytes, toText } from "./vector.js"

const EPOCH = 0x1234

function makeMailbox(alloc: Allocator): Mailbox {
  const mailbox = new Mailbox({ alloc, outgoingSize: 0x400, incomingSize: 0x400, credit: 6 })
  mailbox.begin(EPOCH)
  return mailbox
}

function usedEvent(alloc: Allocator, devNum: number): ByteBuf {
  const frame = alloc(12)
  encodeEventUsed(frame, devNum, 0)
  return frame
}

/** The next packet of `mailbox`, or no bytes when it has none. */
function take(mailbox: Mailbox, alloc: Allocator): ByteBuf {
  const packet = mailbox.nextPacket()
  return packet === undefined ? alloc(0) : packet
}

export const PACKET_VECTORS: readonly PacketVector[] = [
  {
    name: "packet with a span and two messages",
    hex: [
      "01 3412 00 00", // DATA
      "83 05 04 a1a2a3a4", // span: offset 0x305, 4 bytes
      "00 0c 0042020000000c00 00000000", // message: 12 bytes, EVENT_USED of device 2
      "00 0c 0042030000000c00 00000000", // message: EVENT_USED of device 3
    ],
    pack: (alloc) => {
      const mailbox = makeMailbox(alloc)
      mailbox.outgoing.put32(0x305, 0xa4a3a2a1)
      mailbox.post(usedEvent(alloc, 2))
      mailbox.post(usedEvent(alloc, 3))
      return take(mailbox, alloc)
    },
    check: (packet, alloc) => {
      const mailbox = makeMailbox(alloc)
      const messages: string[] = []
      mailbox.onMessage = (bytes, offset, length) => {
        messages.push(toText(bytes, offset, length))
      }
      return (
        same("result", mailbox.receive(packet), RECEIVED_DATA) +
        sameBytes("before the span", mailbox.incoming, 0x304, 1, "00") +
        sameBytes("span", mailbox.incoming, 0x305, 4, "a1a2a3a4") +
        sameBytes("behind the span", mailbox.incoming, 0x309, 1, "00") +
        same("messages", messages.length, 2) +
        (messages[0] === "0042020000000c0000000000" ? "" : ` first message ${messages[0]}`) +
        (messages[1] === "0042030000000c0000000000" ? "" : ` second message ${messages[1]}`)
      )
    },
  },
  {
    name: "packet with spans near one another",
    hex: [
      "01 3412 00 00",
      "81 00 02 a1a2", // span: offset 0x100, 2 bytes
      "41 08 b1b2", // near span: 8 bytes further, 2 bytes
      "40 ff c1", // near span: 255 bytes further, 1 byte
      "83 0c 01 d1", // 256 bytes further is too far: a span, offset 0x30c
      "82 00 01 e1", // backwards is no near span either
    ],
    pack: (alloc) => {
      const mailbox = makeMailbox(alloc)
      mailbox.outgoing.put16(0x100, 0xa2a1)
      mailbox.outgoing.put16(0x10a, 0xb2b1)
      mailbox.outgoing.put8(0x20b, 0xc1)
      mailbox.outgoing.put8(0x30c, 0xd1)
      mailbox.outgoing.put8(0x200, 0xe1)
      return take(mailbox, alloc)
    },
    check: (packet, alloc) => {
      const mailbox = makeMailbox(alloc)
      return (
        same("result", mailbox.receive(packet), RECEIVED_DATA) +
        sameBytes("span", mailbox.incoming, 0x100, 2, "a1a2") +
        sameBytes("near span", mailbox.incoming, 0x109, 4, "00b1b200") +
        sameBytes("far near span", mailbox.incoming, 0x20a, 3, "00c100") +
        sameBytes("span behind", mailbox.incoming, 0x30b, 3, "00d100") +
        sameBytes("span before", mailbox.incoming, 0x200, 1, "e1")
      )
    },
  },
  {
    name: "packet with a ring's index stored first and sent last",
    hex: [
      "01 3412 00 00",
      "81 04 02 0700", // span: what the index announces
      "81 02 01 01", // span: the index, of which one byte changed
    ],
    pack: (alloc) => {
      const mailbox = makeMailbox(alloc)
      mailbox.outgoing.putIndex(0x102, 1)
      mailbox.outgoing.put16(0x104, 0xff07)
      mailbox.outgoing.put16(0x104, 7)
      return take(mailbox, alloc)
    },
    check: (packet, alloc) => {
      const mailbox = makeMailbox(alloc)
      return (
        same("result", mailbox.receive(packet), RECEIVED_DATA) +
        sameBytes("index and entry", mailbox.incoming, 0x102, 4, "01000700")
      )
    },
  },
  {
    name: "bare packet that asks to send again",
    hex: ["04 3412 00 01"], // RESEND, one packet received
    pack: (alloc) => {
      const mailbox = makeMailbox(alloc)
      const other = makeMailbox(alloc)
      other.post(usedEvent(alloc, 0))
      mailbox.receive(take(other, alloc))
      return mailbox.barePacket(PACKET_RESEND)
    },
    check: (packet, alloc) => {
      const mailbox = makeMailbox(alloc)
      mailbox.post(usedEvent(alloc, 0))
      take(mailbox, alloc)
      mailbox.post(usedEvent(alloc, 1))
      take(mailbox, alloc)
      const result = mailbox.receive(packet)
      return (
        same("result", result, RECEIVED_ACKNOWLEDGEMENT) +
        same("unacknowledged", mailbox.unacknowledgedOut(), 1) +
        same("sequence sent again", take(mailbox, alloc)[3], 1) +
        same("count of packets sent again", mailbox.resentCount, 1)
      )
    },
  },
  {
    name: "packet with CONNECT and a message",
    hex: [
      "03 feca 00 00", // DATA and CONNECT, epoch 0xcafe
      "00 0c 0042020000000c00 00000000", // message
    ],
    pack: (alloc) => {
      const mailbox = makeMailbox(alloc)
      mailbox.connect(0xcafe)
      mailbox.post(usedEvent(alloc, 2))
      return take(mailbox, alloc)
    },
    check: (packet, alloc) => {
      const mailbox = makeMailbox(alloc)
      mailbox.begin(0xcafe)
      return (
        same("fresh before", mailbox.isFresh() ? 1 : 0, 0) +
        same("result", mailbox.receive(packet), RECEIVED_DATA) +
        same("fresh after", mailbox.isFresh() ? 1 : 0, 1)
      )
    },
  },
  {
    name: "packet with a span at the end of an area of 8 KiB",
    hex: [
      "01 3412 00 00",
      "9f fe 02 0708", // span: offset 0x1ffe, 2 bytes
    ],
    pack: (alloc) => {
      const mailbox = new Mailbox({ alloc, outgoingSize: 0x2000, incomingSize: 16, credit: 6 })
      mailbox.begin(EPOCH)
      mailbox.outgoing.put16(0x1ffe, 0x0807)
      return take(mailbox, alloc)
    },
    check: (packet, alloc) => {
      const mailbox = new Mailbox({ alloc, outgoingSize: 16, incomingSize: 0x2000, credit: 6 })
      mailbox.begin(EPOCH)
      return (
        same("result", mailbox.receive(packet), RECEIVED_DATA) +
        sameBytes("span", mailbox.incoming, 0x1ffe, 2, "0708")
      )
    },
  },
]
