// Takes a mailbox packet apart for code that watches the link: header, spans and messages (docs/bus.md "Packets"). The
// mailbox itself reads a packet in one pass and keeps nothing of it. This keeps where everything is.

import { getU16 } from "../../../shared-protocol/src/bytes.js"
import {
  MESSAGE_OVERHEAD,
  NEAR_SPAN_OVERHEAD,
  PACKET_CONNECT,
  PACKET_DATA,
  PACKET_HEADER_SIZE,
  PACKET_NO_EPOCH,
  PACKET_RESEND,
  RECORD_MESSAGE,
  RECORD_NEAR_SPAN,
  RECORD_SPAN,
  SPAN_OVERHEAD,
} from "../../../shared-protocol/src/mailbox/packet.js"

/** A virtio-msg message, or a run of bytes of the area that the packet's sender writes. */
export interface PacketRecord {
  readonly kind: "message" | "span"
  /** Where its bytes begin in the packet, behind the record's tag. */
  readonly at: number
  /** How many bytes: of the message's frame, or of the span. */
  readonly length: number
  /** Where a span's bytes belong in the area; 0 for a message. */
  readonly offset: number
}

export interface PacketContents {
  readonly hasData: boolean
  readonly isConnect: boolean
  readonly asksAgain: boolean
  readonly knowsNoEpoch: boolean
  readonly epoch: number
  /** The number of this packet, if it has data. */
  readonly sequence: number
  /** The next sequence that the sender expects. */
  readonly acknowledgement: number
  readonly records: readonly PacketRecord[]
  /** Where the packet stops making sense. Undefined when all of it does. */
  readonly malformedAt: number | undefined
}

/** What is in `packet`. Undefined for one that is too short to have a header. Never throws. */
export function readPacket(packet: Uint8Array): PacketContents | undefined {
  if (packet.length < PACKET_HEADER_SIZE) return undefined
  const flags = packet[0] as number
  const hasData = (flags & PACKET_DATA) !== 0
  const { records, end } = hasData ? readRecords(packet) : { records: [], end: packet.length }
  return {
    hasData,
    isConnect: (flags & PACKET_CONNECT) !== 0,
    asksAgain: (flags & PACKET_RESEND) !== 0,
    knowsNoEpoch: (flags & PACKET_NO_EPOCH) !== 0,
    epoch: getU16(packet, 1),
    sequence: packet[3] as number,
    acknowledgement: packet[4] as number,
    records,
    malformedAt: end === packet.length ? undefined : end,
  }
}

/** Reads records. Returns their end: the packet's length, or where the first record is that makes no sense. */
function readRecords(packet: Uint8Array): { records: PacketRecord[]; end: number } {
  const records: PacketRecord[] = []
  let spanEnd = 0
  let end = PACKET_HEADER_SIZE
  while (end < packet.length) {
    const record = readRecord(packet, end, spanEnd)
    if (!record || record.at + record.length > packet.length) break
    records.push(record)
    end = record.at + record.length
    if (record.kind === "span") spanEnd = record.offset + record.length
  }
  return { records, end }
}

/** The record whose tag is at `at`. Undefined for an unknown tag, or when the record's head is cut off. */
function readRecord(packet: Uint8Array, at: number, spanEnd: number): PacketRecord | undefined {
  const tag = packet[at] as number
  const second = packet[at + 1]
  if (second === undefined) return undefined
  if (tag & RECORD_SPAN) {
    const length = packet[at + 2]
    if (length === undefined) return undefined
    return { kind: "span", at: at + SPAN_OVERHEAD, length, offset: ((tag & 0x7f) << 8) | second }
  }
  if (tag & RECORD_NEAR_SPAN)
    return { kind: "span", at: at + NEAR_SPAN_OVERHEAD, length: (tag & 0x3f) + 1, offset: spanEnd + second }
  if (tag === RECORD_MESSAGE) return { kind: "message", at: at + MESSAGE_OVERHEAD, length: second, offset: 0 }
  return undefined
}
