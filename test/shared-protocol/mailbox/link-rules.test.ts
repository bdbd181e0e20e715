// What keeps a link that loses, doubles and reorders, or a peer that never acknowledges, from harming either end:
// sequence numbers that wrap, late CONNECT packets, lists that do not grow (docs/bus.md "Delivery and flow control").

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import type * as p from "../../../shared-protocol/src/index.js"
import {
  Mailbox,
  RECEIVED_DATA,
  RECEIVED_DUPLICATE,
  RECEIVED_GAP,
} from "../../../shared-protocol/src/mailbox/mailbox.js"
import { OutgoingArea, runAt } from "../../../shared-protocol/src/mailbox/outgoing-area.js"
import {
  DEVICE_RUN_LIMIT,
  DEVICE_WAITING_BYTES,
  MAX_MESSAGE_SIZE,
  MESSAGE_COST_BYTES,
  PACKET_CONNECT,
  PACKET_DATA,
  PACKET_NO_EPOCH,
  PACKET_RESEND,
  RECORD_MESSAGE,
} from "../../../shared-protocol/src/mailbox/packet.js"
import { PING_SIZE } from "../../../shared-protocol/src/messages/bus.js"
import { TYPE_BUS } from "../../../shared-protocol/src/messages/header.js"
import { GET_DEVICES } from "../../../shared-protocol/src/messages/ids.js"
import { DeviceHarness } from "../support/device-harness.js"

const PING_REQUEST = Uint8Array.of(2, 3, 0, 0, 1, 0, 12, 0, 1, 2, 3, 4)

function makeMailbox(): Mailbox {
  const mailbox = new Mailbox({ alloc: allocateBytes, outgoingSize: 64, incomingSize: 64, credit: 6 })
  mailbox.begin(7)
  return mailbox
}

function send(mailbox: Mailbox): Uint8Array {
  mailbox.post(PING_REQUEST)
  return Uint8Array.from(mailbox.nextPacket() as unknown as Uint8Array)
}

/** A PING in a packet of its own. */
function pingPacket(epoch: number, sequence: number, flags = PACKET_DATA): Uint8Array {
  return Uint8Array.of(flags, epoch, 0, sequence, 0, 0, PING_REQUEST.length, ...PING_REQUEST)
}

function packets(endpoint: p.DeviceEndpoint): Uint8Array[] {
  const all: Uint8Array[] = []
  for (let packet = endpoint.nextPacket(); packet; packet = endpoint.nextPacket())
    all.push(Uint8Array.from(packet as unknown as Uint8Array))
  return all
}

/** A device that has followed the host into epoch 0x77 and answered HELLO. */
function connected(): p.DeviceEndpoint {
  const { endpoint } = new DeviceHarness()
  endpoint.receive(pingPacket(0x77, 0, PACKET_DATA | PACKET_CONNECT))
  packets(endpoint)
  endpoint.receive(Uint8Array.of(0, 0x77, 0, 0, 1))
  return endpoint
}

describe("sequence numbers", () => {
  it("wrap from 255 to 0 without a packet lost, doubled or taken for an old one, three times round", () => {
    const sender = makeMailbox()
    const receiver = makeMailbox()
    const old: Uint8Array[] = []
    for (let at = 0; at < 800; at++) {
      const first = send(sender)
      const second = send(sender)
      expect(receiver.receive(second)).toBe(RECEIVED_GAP)
      expect(receiver.receive(first)).toBe(RECEIVED_DATA)
      expect(receiver.receive(second)).toBe(RECEIVED_DATA)
      // what is up to 127 packets old is a repetition, wherever the wrap lies
      old.push(first, second)
      old.splice(0, Math.max(0, old.length - 127))
      for (const packet of old) expect(receiver.receive(packet)).toBe(RECEIVED_DUPLICATE)
      sender.receive(receiver.barePacket(0))
      expect(sender.unacknowledgedOut()).toBe(0)
    }
  })

  it("an acknowledgement that comes late frees nothing, also across the wrap", () => {
    const sender = makeMailbox()
    const receiver = makeMailbox()
    let late = Uint8Array.from(receiver.barePacket(0) as unknown as Uint8Array)
    for (let at = 0; at < 520; at++) {
      receiver.receive(send(sender))
      sender.receive(late)
      expect(sender.unacknowledgedOut()).toBe(1)
      late = Uint8Array.from(receiver.barePacket(0) as unknown as Uint8Array)
      sender.receive(late)
      expect(sender.unacknowledgedOut()).toBe(0)
    }
  })
})

describe("a CONNECT packet", () => {
  it("that comes again when more has followed does not begin the epoch again", () => {
    const endpoint = connected()
    endpoint.receive(pingPacket(0x77, 1))
    expect(packets(endpoint)).toHaveLength(1)
    endpoint.receive(pingPacket(0x77, 0, PACKET_DATA | PACKET_CONNECT))
    expect(packets(endpoint)).toEqual([])
    endpoint.receive(pingPacket(0x77, 2))
    expect(packets(endpoint)).toHaveLength(1) // the sequence goes on
  })

  it("that comes again before anything followed is answered again", () => {
    const { endpoint } = new DeviceHarness()
    const connect = pingPacket(0x77, 0, PACKET_DATA | PACKET_CONNECT)
    endpoint.receive(connect)
    const [answer] = packets(endpoint)
    endpoint.receive(connect)
    expect(packets(endpoint)[0]).toEqual(answer)
  })

  it("of the epoch before comes too late to bring it back", () => {
    const endpoint = connected()
    endpoint.receive(pingPacket(0x78, 0, PACKET_DATA | PACKET_CONNECT))
    packets(endpoint)
    endpoint.receive(pingPacket(0x77, 0, PACKET_DATA | PACKET_CONNECT))
    expect(endpoint.mailbox.epoch).toBe(0x78)
  })

  it.each([
    ["epoch 0", pingPacket(0, 0, PACKET_DATA | PACKET_CONNECT)],
    ["another sequence than 0", pingPacket(0x79, 3, PACKET_DATA | PACKET_CONNECT)],
    ["no records", pingPacket(0x79, 0, PACKET_CONNECT)],
  ])("with %s is no CONNECT", (_name, packet) => {
    const endpoint = connected()
    endpoint.receive(packet)
    expect(endpoint.mailbox.epoch).toBe(0x77)
  })

  it("of an epoch that is not the device's is what NO_EPOCH answers when it is only data", () => {
    const endpoint = connected()
    endpoint.receive(pingPacket(0x79, 1))
    expect(packets(endpoint)).toEqual([Uint8Array.of(PACKET_NO_EPOCH, 0x79, 0, 0, 1)])
  })
})

describe("a device", () => {
  it("asks once for what is missing, and again only after it moved on", () => {
    const endpoint = connected()
    endpoint.receive(pingPacket(0x77, 2))
    endpoint.receive(pingPacket(0x77, 3))
    const asking = packets(endpoint)
    expect(asking.map((packet) => packet[0])).toEqual([PACKET_RESEND])
    expect(asking[0]?.[4]).toBe(1)
    endpoint.receive(pingPacket(0x77, 3))
    expect(packets(endpoint)).toEqual([])
    endpoint.receive(pingPacket(0x77, 1))
    packets(endpoint)
    endpoint.receive(pingPacket(0x77, 3))
    expect(packets(endpoint).map((packet) => packet[0])).toEqual([PACKET_RESEND])
  })

  it("takes nothing more from a host that asks and never acknowledges, and goes on when it does", () => {
    const endpoint = connected()
    let sequence = 1
    let answered = 0
    for (let at = 0; at < 500; at++) {
      const before = endpoint.mailbox.fullCount
      endpoint.receive(pingPacket(0x77, sequence))
      if (endpoint.mailbox.fullCount === before) sequence = (sequence + 1) & 0xff
      answered += packets(endpoint).filter((packet) => (packet[0] ?? 0) & PACKET_DATA).length
    }
    expect(answered).toBe(6) // its credit
    expect(sequence).toBe(1 + 6 + Math.ceil(DEVICE_WAITING_BYTES / (PING_SIZE + MESSAGE_COST_BYTES)))
    expect(endpoint.mailbox.isFull()).toBe(true)
    endpoint.receive(Uint8Array.of(0, 0x77, 0, 0, 7))
    const after = packets(endpoint)
    expect(after.filter((packet) => (packet[0] ?? 0) & PACKET_DATA).length).toBeGreaterThan(0)
    // and it asks for what it refused
    expect(after.at(-1)?.[0]).toBe(PACKET_RESEND)
    endpoint.receive(pingPacket(0x77, sequence))
    expect(packets(endpoint)).toHaveLength(1)
  })

  it("takes the fewer packets the longer its answers are", () => {
    const endpoint = connected()
    // 65535 device numbers: the answer is as long as a message can be
    const asking = Uint8Array.of(TYPE_BUS, GET_DEVICES, 0, 0, 1, 0, 12, 0, 0, 0, 0xff, 0xff)
    let sequence = 1
    for (let at = 0; at < 100; at++) {
      const before = endpoint.mailbox.fullCount
      endpoint.receive(
        Uint8Array.of(PACKET_DATA, 0x77, 0, sequence, 1, RECORD_MESSAGE, asking.length, ...asking),
      )
      if (endpoint.mailbox.fullCount === before) sequence++
      packets(endpoint)
    }
    const { messages } = endpoint.mailbox
    const bytes = messages.reduce((sum, message) => sum + message.length + MESSAGE_COST_BYTES, 0)
    expect(messages[0]?.length).toBe(MAX_MESSAGE_SIZE)
    expect(bytes).toBeGreaterThanOrEqual(DEVICE_WAITING_BYTES)
    expect(bytes).toBeLessThan(DEVICE_WAITING_BYTES + MAX_MESSAGE_SIZE + MESSAGE_COST_BYTES)
  })

  it("keeps a bounded list of what changed, and loses none of it", () => {
    const area = new OutgoingArea(allocateBytes(8192), DEVICE_RUN_LIMIT)
    for (let round = 0; round < 20; round++)
      for (let at = 16; at < 8192; at += 16) {
        area.put8(at, (round * 7 + at) & 0xff)
        expect(area.dirtyEnd).toBeLessThanOrEqual(DEVICE_RUN_LIMIT)
      }
    const mirror = allocateBytes(8192)
    for (let i = area.dirtyFirst; i < area.dirtyEnd; i++) {
      const { offset, length } = runAt(area, i)
      mirror.blitAt(offset, area.bytes, offset, length)
    }
    expect(mirror).toEqual(area.bytes)
  })
})
