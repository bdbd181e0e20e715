// Packets that a device end must take without an answer, an error or a panic (V19, V30, B19, B21).

import type { Allocator, ByteBuf, OwnedBytes } from "../../shared-protocol/src/bytes.js"
import { makeDeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import { I2cDevice } from "../../shared-protocol/src/device/i2c.js"
import type { I2cController } from "../../shared-protocol/src/device/i2c-controller.js"
import { I2C_WRITE_FAILED } from "../../shared-protocol/src/device-types/i2c.js"
import { PACKET_CONNECT, PACKET_DATA } from "../../shared-protocol/src/mailbox/packet.js"
import { parseHex, same, toText } from "./vector.js"

/** Records of one packet, and what an end counts for them. */
export interface SilentVector {
  readonly name: string
  /** The records, without the packet's header. */
  readonly hex: readonly string[]
  readonly malformed: number
  readonly discarded: number
}

/** A bus without chips. */
class EmptyBus implements I2cController {
  readonly data: ByteBuf = []

  async transfer(
    _address: number,
    _write: ByteBuf,
    _writeOffset: number,
    _writeLength: number,
    _readLength: number,
  ): Promise<number> {
    return I2C_WRITE_FAILED
  }
}

async function noPause(): Promise<void> {}

const EPOCH = 0x4321

export const SILENT_VECTORS: readonly SilentVector[] = [
  { name: "an unknown record", hex: ["20 00"], malformed: 1, discarded: 0 },
  { name: "a message cut off", hex: ["00 0c 0042020000000c00"], malformed: 1, discarded: 0 },
  { name: "a message record without its length", hex: ["00"], malformed: 1, discarded: 0 },
  { name: "a span cut off", hex: ["80 00 04 a1a2"], malformed: 1, discarded: 0 },
  { name: "a span's header cut off", hex: ["80 00"], malformed: 1, discarded: 0 },
  { name: "a span across the end of the area", hex: ["83 ff 02 a1a2"], malformed: 1, discarded: 0 },
  { name: "a span far outside the area", hex: ["ff ff 01 a1"], malformed: 1, discarded: 0 },
  { name: "a near span cut off", hex: ["80 00 01 a1", "41 00 a1"], malformed: 1, discarded: 0 },
  { name: "a near span without its gap", hex: ["80 00 01 a1", "41"], malformed: 1, discarded: 0 },
  {
    name: "a near span across the end of the area",
    hex: ["83 00 01 a1", "40 fe a2", "40 00 a3"],
    malformed: 1,
    discarded: 0,
  },
  { name: "an empty message", hex: ["00 00"], malformed: 0, discarded: 1 },
  { name: "a message of 6 bytes, as in rfc2", hex: ["00 06 000200000600"], malformed: 0, discarded: 1 },
  { name: "msg_size beyond the record", hex: ["00 08 0002000000000900"], malformed: 0, discarded: 1 },
  { name: "msg_size 0", hex: ["00 08 0002000000000000"], malformed: 0, discarded: 1 },
  { name: "a response", hex: ["00 08 0107000000000800"], malformed: 0, discarded: 1 },
  { name: "a bus response", hex: ["00 0c 0303000000000c00 01000000"], malformed: 0, discarded: 1 },
  { name: "an unknown transport message", hex: ["00 08 000d000000000800"], malformed: 0, discarded: 1 },
  {
    name: "an implementation-defined transport message",
    hex: ["00 08 0080000000000800"],
    malformed: 0,
    discarded: 1,
  },
  { name: "an unknown bus message", hex: ["00 08 0204000000000800"], malformed: 0, discarded: 1 },
  { name: "a device that is not there", hex: ["00 08 0007010000000800"], malformed: 0, discarded: 1 },
  {
    name: "an EVENT_USED from a driver",
    hex: ["00 0c 0042000000000c00 00000000"],
    malformed: 0,
    discarded: 1,
  },
  { name: "an EVENT_AVAIL cut off", hex: ["00 0c 0041000000000c00 00000000"], malformed: 0, discarded: 1 },
  {
    name: "an EVENT_AVAIL of a queue that is not there",
    hex: ["00 10 0041000000001000 01000000 00000000"],
    malformed: 0,
    discarded: 1,
  },
  {
    name: "an EVENT_AVAIL of queue 65536",
    hex: ["00 10 0041000000001000 00000100 00000000"],
    malformed: 0,
    discarded: 1,
  },
  { name: "a SET_DEVICE_STATUS cut off", hex: ["00 0b 0008000000000b00 010000"], malformed: 0, discarded: 1 },
  {
    name: "a GET_CONFIG of a device without configuration",
    hex: ["00 10 0005000000001000 00000000 01000000"],
    malformed: 0,
    discarded: 1,
  },
  {
    name: "more feature blocks than a message carries",
    hex: ["00 10 0003000000001000 00000000 ffffffff"],
    malformed: 0,
    discarded: 1,
  },
]

/** Runs one: "" or what is wrong. */
export function runSilentVector(vector: SilentVector, alloc: Allocator): string {
  const endpoint = makeDeviceEndpoint({
    alloc,
    models: [new I2cDevice(new EmptyBus(), alloc(0), noPause)],
    driverAreaSize: 0x400,
    deviceAreaSize: 0x400,
    identity: { board: "test", firmwareVersion: [0, 0, 0, 0], hasSimulatedChips: true },
  })
  // an epoch, and a PING to show that the end answers what it understands
  endpoint.receive(packetOf(PACKET_DATA | PACKET_CONNECT, 0, parseHex([PING_RECORD], alloc), alloc))
  const pong = endpoint.nextPacket()
  if (pong === undefined) return "no answer to a PING before"
  endpoint.receive(packetOf(PACKET_DATA, 1, parseHex(vector.hex, alloc), alloc))
  const answer = endpoint.nextPacket()
  if (answer !== undefined) return `answered ${toText(answer, 0, answer.length)}`
  const counts =
    same("malformed", endpoint.mailbox.malformedCount, vector.malformed) +
    same("discarded", endpoint.bus.discardedCount, vector.discarded)
  endpoint.receive(packetOf(PACKET_DATA, 2, parseHex([PING_RECORD], alloc), alloc))
  return endpoint.nextPacket() === undefined ? `${counts} no answer to a PING behind` : counts
}

const PING_RECORD = "00 0c 0203000000000c00 01020304"

function packetOf(flags: number, sequence: number, records: ByteBuf, alloc: Allocator): OwnedBytes {
  const packet = alloc(5 + records.length)
  packet[0] = flags
  packet[1] = EPOCH & 0xff
  packet[2] = EPOCH >> 8
  packet[3] = sequence
  packet.blitAt(5, records, 0, records.length)
  return packet
}
