// Bytes to the packet layer: packets of the right epoch and sequence with records that make sense, nearly make sense, or
// none, to a mailbox whose areas must stay what they are.

import fc from "fast-check"
import { allocateBytes } from "../../../host/src/bytes.js"
import { readPacket } from "../../../host/src/trace/packet-records.js"
import { Mailbox } from "../../../shared-protocol/src/mailbox/mailbox.js"
import { u8 } from "../../shared-protocol/support/arbitraries.js"
import { record } from "../records.js"
import { type FuzzTarget, plain } from "../target.js"

const AREA_SIZE = 0x400
const EPOCH = 0x1234

export interface PacketCase {
  readonly flags: number
  /** The sequence, less the one that is expected. */
  readonly early: number
  readonly acknowledgement: number
  readonly isOurEpoch: boolean
  readonly rest: Uint8Array
}

const packet: fc.Arbitrary<PacketCase> = fc.record({
  flags: fc.oneof(fc.constant(1), u8),
  early: fc.oneof(fc.constant(0), fc.integer({ min: -130, max: 130 })),
  acknowledgement: u8,
  isOurEpoch: fc.nat(9).map((value) => value > 0),
  rest: fc
    .array(record, { maxLength: 6, size: "max" })
    .map((records) => Uint8Array.from(records.flat()).slice(0, 231)),
})

export const mailbox: FuzzTarget<PacketCase[]> = {
  name: "mailbox",
  about: "packets with records that make sense, nearly make sense, or none, to one end of a link",
  cases: fc.array(packet, { minLength: 1, maxLength: 12, size: "max" }),
  run(packets) {
    const end = new Mailbox({ alloc: allocateBytes, outgoingSize: 64, incomingSize: AREA_SIZE, credit: 6 })
    end.onMessage = (bytes, offset, length) => {
      if (offset + length > bytes.length) throw new Error("a message reaches over the packet's end")
    }
    end.begin(EPOCH)
    for (const [at, { flags, early, acknowledgement, isOurEpoch, rest }] of packets.entries()) {
      if (at % 3 === 0) end.post(allocateBytes(12))
      for (let sent = end.nextPacket(); sent; sent = end.nextPacket());
      const epoch = isOurEpoch ? EPOCH : 0x4321
      const expected = end.barePacket(0)[4] as number
      const bytes = Uint8Array.of(
        flags,
        epoch & 0xff,
        epoch >> 8,
        (expected + early) & 0xff,
        acknowledgement,
        ...rest,
      )
      end.receive(bytes)
      readPacket(bytes)
      if (end.incoming.length !== AREA_SIZE) throw new Error("the area changed its size")
      if (end.unacknowledgedOut() > 6) throw new Error("more is under way than the credit allows")
    }
    end.receive(Uint8Array.of())
    end.receive(Uint8Array.of(1, EPOCH & 0xff))
  },
  ...plain,
}
