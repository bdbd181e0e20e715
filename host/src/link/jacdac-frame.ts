// Jacdac frames with one packet in each, as the DeviceScript runtime sends and takes them (Jacdac protocol
// "Frames"). Layout, little-endian:
//
//   0 crc16 of all behind it (CCITT-FALSE), 2 size of all behind the header u8, 3 flags u8, 4 device id [8]
//   12 payload size u8, 13 service index u8, 14 command u16, 16 payload; padded to a multiple of 4
//
// A frame may carry several packets one behind another; we read all of them and write one.

import { getU16, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import { hexBytes } from "../hex.js"

const FRAME_HEADER_SIZE = 12
const PACKET_HEADER_SIZE = 4
/** Frame flags bit 0: a command to the device, not a report from it. */
const FLAG_COMMAND = 1
/** Frame flags bit 1: the device acknowledges the frame. */
const FLAG_ACK_WANTED = 2
/** Frame flags bit 2: the device id names a service class instead. */
const FLAG_IDENTIFIER_IS_CLASS = 4
/** The largest frame: header and 240 bytes of packets. */
export const MAX_FRAME_SIZE = FRAME_HEADER_SIZE + 240

/** Service index of a device's control service, and the report by which a device announces itself. */
export const CONTROL_SERVICE_INDEX = 0
export const ANNOUNCE_REPORT = 0
/** Service index of a pipe's packets, and of the report by which a device acknowledges a frame. */
export const PIPE_SERVICE_INDEX = 0x3e
export const ACK_SERVICE_INDEX = 0x3f

/** The report of a service that does not know a command; the command stands in its first two bytes. */
const NOT_IMPLEMENTED_REPORT = 0x03

export interface JacdacPacket {
  /** 8 bytes as 16 hexadecimal digits, in the order on the wire. */
  readonly deviceId: string
  readonly isCommand: boolean
  readonly serviceIndex: number
  readonly command: number
  readonly payload: Uint8Array
}

/** Whether the packet says that its service does not know the command `asked`. */
export function isUnknownCommand({ command, payload }: JacdacPacket, asked: number): boolean {
  return command === NOT_IMPLEMENTED_REPORT && payload.length >= 2 && getU16(payload, 0) === asked
}

/** CRC-16/CCITT-FALSE of `bytes` from `start`: 0x29b1 for "123456789". */
export function crc16(bytes: Uint8Array, start = 0): number {
  let crc = 0xffff
  for (let i = start; i < bytes.length; i++) {
    let x = ((crc >> 8) ^ (bytes[i] as number)) & 0xff
    x ^= x >> 4
    crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xffff
  }
  return crc
}

/** Makes a frame with one command to the device with this id. */
export function encodeCommand(
  deviceId: string,
  serviceIndex: number,
  command: number,
  payload: Uint8Array,
): Uint8Array {
  return encodeCommandTo(deviceIdBytes(deviceId), serviceIndex, command, payload)
}

/** As `encodeCommand`. For a sender of many: the digits of the id are read only once. */
export function encodeCommandTo(
  id: Uint8Array,
  serviceIndex: number,
  command: number,
  payload: Uint8Array,
): Uint8Array {
  const frame = startFrame(FLAG_COMMAND, serviceIndex, command, payload)
  frame.set(id, 4)
  return finishFrame(frame)
}

/** The 8 bytes of a device id, from its digits. */
export function deviceIdBytes(deviceId: string): Uint8Array {
  const id = new Uint8Array(8)
  for (let i = 0; i < 8; i++) id[i] = Number.parseInt(deviceId.slice(2 * i, 2 * i + 2), 16)
  return id
}

/**
 * Makes a frame as `encodeCommand` does, which the device acknowledges: by a report at ACK_SERVICE_INDEX whose
 * command is the frame's checksum.
 */
export function encodeAcknowledgedCommand(
  deviceId: string,
  serviceIndex: number,
  command: number,
  payload: Uint8Array,
): { frame: Uint8Array; checksum: number } {
  const frame = encodeCommand(deviceId, serviceIndex, command, payload)
  frame[3] = FLAG_COMMAND | FLAG_ACK_WANTED
  finishFrame(frame)
  return { frame, checksum: getU16(frame, 0) }
}

/** Makes a frame with one command to every device that has a service of this class. */
export function encodeBroadcast(serviceClass: number, command: number, payload: Uint8Array): Uint8Array {
  const frame = startFrame(FLAG_COMMAND | FLAG_IDENTIFIER_IS_CLASS, 0x3d, command, payload)
  putU32(frame, 4, serviceClass)
  putU32(frame, 8, 0xaaaaaaaa)
  return finishFrame(frame)
}

/** Makes a frame with one report from the device with this id: what a board sends. */
export function encodeReport(
  deviceId: string,
  serviceIndex: number,
  command: number,
  payload: Uint8Array,
): Uint8Array {
  const frame = startFrame(0, serviceIndex, command, payload)
  frame.set(deviceIdBytes(deviceId), 4)
  return finishFrame(frame)
}

/** The packets of a frame; none if it is damaged: wrong checksum, wrong sizes. */
export function decodeFrame(frame: Uint8Array): JacdacPacket[] {
  if (frame.length < FRAME_HEADER_SIZE + PACKET_HEADER_SIZE) return []
  const end = FRAME_HEADER_SIZE + (frame[2] as number)
  // a frame that lost or gained bytes shows it by its length, even if the checksum fits by chance
  if (frame.length !== end || getU16(frame, 0) !== crc16(frame, 2)) return []
  const deviceId = hexBytes(frame.slice(4, 12)) // a short copy is cheaper than a view
  const isCommand = ((frame[3] as number) & FLAG_COMMAND) !== 0
  const packets: JacdacPacket[] = []
  for (let at = FRAME_HEADER_SIZE; at + PACKET_HEADER_SIZE <= end; ) {
    const size = frame[at] as number
    if (at + PACKET_HEADER_SIZE + size > end) break
    packets.push({
      deviceId,
      isCommand,
      serviceIndex: frame[at + 1] as number,
      command: getU16(frame, at + 2),
      payload: frame.slice(at + PACKET_HEADER_SIZE, at + PACKET_HEADER_SIZE + size),
    })
    at += (PACKET_HEADER_SIZE + size + 3) & ~3
  }
  return packets
}

function startFrame(flags: number, serviceIndex: number, command: number, payload: Uint8Array): Uint8Array {
  const size = (PACKET_HEADER_SIZE + payload.length + 3) & ~3
  if (FRAME_HEADER_SIZE + size > MAX_FRAME_SIZE)
    throw new Error(`a Jacdac packet carries at most 236 bytes, not ${payload.length}`)
  const frame = new Uint8Array(FRAME_HEADER_SIZE + size)
  frame[2] = size
  frame[3] = flags
  frame[FRAME_HEADER_SIZE] = payload.length
  frame[FRAME_HEADER_SIZE + 1] = serviceIndex
  putU16(frame, FRAME_HEADER_SIZE + 2, command)
  frame.set(payload, FRAME_HEADER_SIZE + PACKET_HEADER_SIZE)
  return frame
}

function finishFrame(frame: Uint8Array): Uint8Array {
  putU16(frame, 0, crc16(frame, 2))
  return frame
}
