// The mailbox: packets, spans, order, acknowledgement, epochs (docs/bus.md).

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import {
  Mailbox,
  RECEIVED_ACKNOWLEDGEMENT,
  RECEIVED_DATA,
  RECEIVED_DUPLICATE,
  RECEIVED_GAP,
  RECEIVED_MALFORMED,
  RECEIVED_OTHER_EPOCH,
} from "../../../shared-protocol/src/mailbox/mailbox.js"
import {
  MAX_PACKET_SIZE,
  PACKET_CONNECT,
  PACKET_DATA,
  PACKET_RESEND,
} from "../../../shared-protocol/src/mailbox/packet.js"
import { fc } from "../../support/seeded-fast-check.js"

const AREA = 1024

function makeMailbox(): Mailbox {
  const mailbox = new Mailbox({ alloc: allocateBytes, outgoingSize: AREA, incomingSize: AREA, credit: 6 })
  mailbox.begin(7)
  return mailbox
}

/** A mailbox that keeps the messages it gets, as their first byte behind the header. */
function makeReceiver(): { mailbox: Mailbox; messages: number[] } {
  const mailbox = makeMailbox()
  const messages: number[] = []
  mailbox.onMessage = (packet, offset) => messages.push(packet[offset + 8] as number)
  return { mailbox, messages }
}

function message(value: number): Uint8Array {
  return Uint8Array.of(0, 0x41, 0, 0, 0, 0, 9, 0, value)
}

function packetOf(...bytes: number[]): Uint8Array {
  return Uint8Array.from(bytes)
}

describe("a packet", () => {
  it("carries only the low byte of a ring's index, unless the high one changed since it was last sent", () => {
    const sender = makeMailbox()
    const indexRecord = (...values: number[]) => {
      for (const value of values) sender.outgoing.putIndex(2, value)
      const packet = sender.nextPacket() as unknown as Uint8Array
      sender.receive(Uint8Array.of(0, 7, 0, 0, (packet[3] as number) + 1))
      return [...packet.subarray(5)]
    }
    expect(indexRecord(1)).toEqual([0x80, 2, 1, 1])
    expect(indexRecord(0xff)).toEqual([0x80, 2, 1, 0xff])
    expect(indexRecord(0x100)).toEqual([0x80, 2, 2, 0, 1])
    expect(indexRecord(0x1ff, 0x200, 0x201)).toEqual([0x80, 2, 2, 1, 2])
    expect(indexRecord(0x2ff, 0x2fe)).toEqual([0x80, 2, 1, 0xfe])
  })

  it("carries spans, then ring indexes, then messages", () => {
    const sender = makeMailbox()
    sender.outgoing.putIndex(2, 0x0102)
    sender.post(message(9))
    sender.outgoing.put8(0x100, 0xaa)
    sender.outgoing.put8(0x120, 0xbb)
    expect([...(sender.nextPacket() as unknown as Uint8Array)]).toEqual([
      ...[PACKET_DATA, 7, 0, 0, 0],
      ...[0x81, 0x00, 1, 0xaa],
      ...[0x40, 0x1f, 0xbb], // a near span: 31 bytes behind the end of the one before
      ...[0x80, 0x02, 2, 0x02, 0x01],
      ...[0x00, 9, ...message(9)],
    ])
    expect(sender.nextPacket()).toBeUndefined()
  })

  it("is never longer than a link carries, and a large change takes several", () => {
    const sender = makeMailbox()
    const { mailbox, messages } = makeReceiver()
    for (let at = 0; at < AREA; at++) sender.outgoing.put8(at, (at % 255) + 1)
    sender.post(message(1))
    for (let packet = sender.nextPacket(); packet; packet = sender.nextPacket()) {
      expect(packet.length).toBeLessThanOrEqual(MAX_PACKET_SIZE)
      expect(messages).toEqual([]) // what it announces comes first
      expect(mailbox.receive(packet)).toBe(RECEIVED_DATA)
    }
    expect(messages).toEqual([1])
    expect(mailbox.incoming).toEqual(sender.outgoing.bytes)
  })

  it("is refused where a span leaves the area, and nothing outside is written", () => {
    for (const records of [
      [0x84, 0x00, 1, 0xff], // offset 1024 of 1024
      [0x83, 0xff, 2, 0xff, 0xff], // its second byte is outside
      [0x83, 0xf0, 1, 0xff, 0x41, 0x0e, 0xff, 0xff], // a near span over the end
      [0x80, 0x00], // no length
      [0x80, 0x00, 9, 1], // fewer bytes than it says
      [0x00], // a message without a length
      [0x00, 20, 1, 2, 3], // a shorter message than it says
      [0x01, 0, 0], // no such record
    ]) {
      const { mailbox, messages } = makeReceiver()
      expect(mailbox.receive(packetOf(PACKET_DATA, 7, 0, 0, 0, ...records))).toBe(RECEIVED_MALFORMED)
      expect(messages).toEqual([])
      expect(mailbox.malformedCount).toBe(1)
    }
    const { mailbox } = makeReceiver()
    expect(mailbox.receive(packetOf(1, 2))).toBe(RECEIVED_MALFORMED)
  })

  it("never makes the mailbox throw, whatever its bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 240 }), fc.boolean(), (bytes, isOurs) => {
        const { mailbox } = makeReceiver()
        if (isOurs && bytes.length >= 5) bytes.set([PACKET_DATA, 7, 0, 0, 0])
        mailbox.receive(bytes)
        expect(mailbox.incoming.length).toBe(AREA)
      }),
    )
  })
})

describe("delivery", () => {
  it("stops at six packets without acknowledgement, and goes on behind it", () => {
    const sender = makeMailbox()
    const { mailbox } = makeReceiver()
    const sent = []
    for (let at = 0; at < 9; at++) {
      sender.post(message(at))
      sent.push(sender.nextPacket())
    }
    expect(sent.filter((packet) => packet).length).toBe(6)
    for (const packet of sent) if (packet) mailbox.receive(packet)
    expect(sender.receive(mailbox.barePacket(0))).toBe(RECEIVED_ACKNOWLEDGEMENT)
    expect(sender.unacknowledgedOut()).toBe(0)
    expect(sender.nextPacket()).toBeDefined()
  })

  it("ignores an acknowledgement of what was never sent", () => {
    const sender = makeMailbox()
    sender.post(message(1))
    sender.nextPacket()
    sender.receive(packetOf(0, 7, 0, 0, 9))
    expect(sender.unacknowledgedOut()).toBe(1)
  })

  it("takes each packet once: a repetition is told from one that came too early", () => {
    const sender = makeMailbox()
    const { mailbox, messages } = makeReceiver()
    sender.post(message(1))
    const first = sender.nextPacket() as unknown as Uint8Array
    sender.post(message(2))
    const second = sender.nextPacket() as unknown as Uint8Array
    expect(mailbox.receive(second)).toBe(RECEIVED_GAP)
    expect(mailbox.receive(first)).toBe(RECEIVED_DATA)
    expect(mailbox.receive(first)).toBe(RECEIVED_DUPLICATE)
    expect(mailbox.receive(second)).toBe(RECEIVED_DATA)
    expect(messages).toEqual([1, 2])
  })

  it("sends again what a RESEND packet asks for", () => {
    const sender = makeMailbox()
    const { mailbox, messages } = makeReceiver()
    sender.post(message(1))
    sender.nextPacket() // lost
    sender.receive(mailbox.barePacket(PACKET_RESEND))
    mailbox.receive(sender.nextPacket() as unknown as Uint8Array)
    expect(messages).toEqual([1])
    expect(sender.resentCount).toBe(1)
  })

  it("brings everything once and in order over a link that loses, doubles and delays", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 300, maxLength: 600 }), (chance) => {
        const sender = makeMailbox()
        const { mailbox, messages } = makeReceiver()
        let delayed: Uint8Array[] = []
        let next = 0
        const roll = () => chance[next++ % chance.length] as number
        const carry = (to: Mailbox, packet: Uint8Array) => {
          const luck = roll()
          if (luck === 0) return
          if (luck === 1) delayed.push(packet)
          else to.receive(packet)
          if (luck === 2) to.receive(packet)
        }
        for (let value = 0; value < 600 || sender.unacknowledgedOut() > 0 || sender.hasPending(); value++) {
          if (value > 50_000) throw new Error("it does not come to an end")
          if (value < 600) {
            sender.outgoing.put8(value % AREA, value & 0xff)
            sender.post(message(value & 0xff))
          }
          for (let packet = sender.nextPacket(); packet; packet = sender.nextPacket())
            carry(mailbox, Uint8Array.from(packet as unknown as Uint8Array))
          if (roll() > 7) {
            for (const packet of delayed) mailbox.receive(packet)
            delayed = []
          }
          carry(sender, Uint8Array.from(mailbox.barePacket(PACKET_RESEND) as unknown as Uint8Array))
        }
        expect(messages).toEqual(Array.from({ length: 600 }, (_, value) => value & 0xff))
        expect(mailbox.incoming).toEqual(sender.outgoing.bytes)
      }),
      { numRuns: 30 },
    )
  })
})

describe("an epoch", () => {
  it("is refused when it is another", () => {
    const { mailbox, messages } = makeReceiver()
    expect(mailbox.receive(packetOf(PACKET_DATA, 8, 0, 0, 0, 0, 9, ...message(1)))).toBe(RECEIVED_OTHER_EPOCH)
    expect(messages).toEqual([])
    expect(mailbox.otherEpochCount).toBe(1)
  })

  it("begins with empty areas, from the host with CONNECT on its first packet only", () => {
    const host = makeMailbox()
    host.outgoing.put8(5, 1)
    host.connect(9)
    expect(host.hasPending()).toBe(false)
    expect(host.outgoing.bytes[5]).toBe(0)
    host.post(message(1))
    expect(host.nextPacket()?.[0]).toBe(PACKET_DATA | PACKET_CONNECT)
    host.post(message(2))
    expect(host.nextPacket()?.[0]).toBe(PACKET_DATA)
  })
})
