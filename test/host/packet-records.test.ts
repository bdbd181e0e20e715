// What a watcher reads in a packet is what the mailbox takes from it.

import { describe, expect, it } from "vitest"
import { allocateBytes, type HostBytes } from "../../host/src/bytes.js"
import { readPacket } from "../../host/src/trace/packet-records.js"
import { Mailbox, RECEIVED_DATA, RECEIVED_MALFORMED } from "../../shared-protocol/src/mailbox/mailbox.js"
import { fc } from "../support/seeded-fast-check.js"

const EPOCH = 0x1234
const AREA_SIZE = 0x8000

function makeMailbox(): Mailbox {
  const mailbox = new Mailbox({
    alloc: allocateBytes,
    outgoingSize: AREA_SIZE,
    incomingSize: AREA_SIZE,
    credit: 6,
  })
  mailbox.begin(EPOCH)
  return mailbox
}

/** What the mailbox makes of a packet: its area, its messages, and whether it is in order. */
function taken(packet: Uint8Array) {
  const mailbox = makeMailbox()
  const messages: number[][] = []
  mailbox.onMessage = (bytes, offset, length) => {
    messages.push(Array.from((bytes as Uint8Array).subarray(offset, offset + length)))
  }
  return { result: mailbox.receive(packet), area: Array.from(mailbox.incoming as HostBytes), messages }
}

/** The same by the records. */
function watched(packet: Uint8Array) {
  const contents = readPacket(packet)
  const area = new Array<number>(AREA_SIZE).fill(0)
  const messages: number[][] = []
  let isInside = true
  for (const { kind, at, length, offset } of contents?.records ?? []) {
    const bytes = Array.from(packet.subarray(at, at + length))
    if (kind === "message") messages.push(bytes)
    else if (offset + length > AREA_SIZE) {
      isInside = false // the mailbox refuses it, and what follows
      break
    } else area.splice(offset, length, ...bytes)
  }
  const isSound = contents?.malformedAt === undefined && isInside
  return { result: isSound ? RECEIVED_DATA : RECEIVED_MALFORMED, area, messages }
}

const header = [1, EPOCH & 0xff, EPOCH >> 8, 0, 0]

describe("a packet's records", () => {
  it("are what a mailbox packed", () => {
    const sender = makeMailbox()
    sender.outgoing.put32(0x100, 0x04030201)
    sender.outgoing.put8(0x120, 7)
    sender.outgoing.putIndex(0x4002, 0x103)
    sender.post(Uint8Array.of(0, 0x41, 0, 0, 0, 0, 8, 0))
    const packet = sender.nextPacket() as unknown as Uint8Array
    expect(readPacket(packet)).toMatchObject({ hasData: true, isConnect: false, epoch: EPOCH, sequence: 0 })
    expect(readPacket(packet)?.records).toEqual([
      { kind: "span", at: 8, length: 4, offset: 0x100 },
      { kind: "span", at: 14, length: 1, offset: 0x120 },
      { kind: "span", at: 18, length: 2, offset: 0x4002 },
      { kind: "message", at: 22, length: 8, offset: 0 },
    ])
    expect(watched(packet)).toEqual(taken(packet))
  })

  it("are what the mailbox takes, of any bytes whatever", () => {
    const tags = fc.constantFrom(0x00, 0x01, 0x3f, 0x40, 0x41, 0x7f, 0x80, 0xff)
    const bytes = fc.array(fc.oneof(fc.nat(255), tags, fc.nat(9)), { maxLength: 60 })
    fc.assert(
      fc.property(bytes, (records) => {
        const packet = Uint8Array.from([...header, ...records])
        expect(watched(packet)).toEqual(taken(packet))
      }),
      { numRuns: 300 },
    )
  })

  it("of a packet without a header there are none", () => {
    for (let length = 0; length < 5; length++) expect(readPacket(new Uint8Array(length))).toBeUndefined()
  })
})
