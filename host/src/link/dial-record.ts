// Mailbox packets on a TCP connection that the board opened (docs/bus.md "On TCP"), each behind its length:
//
//   record: length u8, then that many bytes: one packet, 5 to 236; length 0 says only "I am here"
//   the board's first record is the answer to a probe: flags NO_EPOCH, epoch 65535

import { MAX_PACKET_SIZE, PACKET_HEADER_SIZE } from "../../../shared-protocol/src/mailbox/packet.js"
import { joined } from "../bytes.js"
import { counted } from "../counted.js"

/** "I am here". */
export const EMPTY_RECORD = Uint8Array.of(0)

/** A record around a packet of 5 to 236 bytes. */
export function encodeDialRecord(packet: Uint8Array): Uint8Array {
  const record = new Uint8Array(1 + packet.length)
  record[0] = packet.length
  record.set(packet, 1)
  return record
}

/**
 * Returns a function that cuts a byte stream into packets, whatever pieces it comes in, and keeps one unfinished record
 * at most. It returns what is wrong with the stream, as a sentence; "" while nothing is. After a wrong record no packet
 * follows.
 */
export function dialRecordDecoder(onPacket: (packet: Uint8Array) => void): (chunk: Uint8Array) => string {
  let rest = new Uint8Array(0)
  return (chunk) => {
    const bytes = joined(rest, chunk)
    let at = 0
    while (at < bytes.length) {
      const length = bytes[at] as number
      if (length > 0 && (length < PACKET_HEADER_SIZE || length > MAX_PACKET_SIZE))
        return `It sent a record of ${counted(length, "byte")}, which no packet has.`
      const end = at + 1 + length
      if (end > bytes.length) break
      if (length > 0) onPacket(bytes.slice(at + 1, end))
      at = end
    }
    rest = bytes.slice(at)
    return ""
  }
}
