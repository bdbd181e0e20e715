// The header of a mailbox packet as fields (docs/bus.md "Packets"), and one flag that only captures know.

import {
  PACKET_CONNECT,
  PACKET_DATA,
  PACKET_HEADER_SIZE,
  PACKET_NO_EPOCH,
  PACKET_RESEND,
} from "../../../shared-protocol/src/mailbox/packet.js"
import { bitNames, hex } from "../hex.js"
import { type Field, FieldReader } from "./field.js"

/** Only in captures: marks a packet that tells a late observer what it has missed. */
export const PACKET_SNAPSHOT = 0x80

const FLAGS: readonly [number, string][] = [
  [PACKET_DATA, "DATA"],
  [PACKET_CONNECT, "CONNECT"],
  [PACKET_RESEND, "RESEND"],
  [PACKET_NO_EPOCH, "NO_EPOCH"],
  [PACKET_SNAPSHOT, "SNAPSHOT"],
]

/** "DATA | CONNECT" for 3. */
export function packetFlagNames(flags: number): string {
  return bitNames(flags, FLAGS)
}

/** The header's fields, as many as the packet has. */
export function packetFields(packet: Uint8Array): readonly Field[] {
  const header = new FieldReader(packet, 0, PACKET_HEADER_SIZE)
  header.u8("packet_flags", packetFlagNames)
  header.u16("epoch", (value) => hex(value))
  header.u8("sequence")
  header.u8("acknowledgement")
  return header.fields
}
