// HELLO: the first message of an epoch on our bus, implementation-defined (docs/bus.md "HELLO").
// It tells the driver side what the virtio-msg text leaves to the bus: revision, limits, window, who is there.
//
//   request payload:  protocol_hash u32@0, bus_version u16@4, reserved u16@6
//   response payload: protocol_hash u32@0, bus_version u16@4, max_msg_size u16@6, revision u32@8,
//                     transport_features u32@12, driver_area_size u16@16, device_area_size u16@18,
//                     epoch u16@20, receive_credit u8@22, flags u8@23 (bit 0: the chips are simulated),
//                     firmware_version u8[4]@24 (major, minor, patch, 0), board char[32]@28, zero-padded

import { type ByteBuf, getU16, getU32, putU16, putU32 } from "../bytes.js"
import {
  type Decoded,
  decoded,
  HEADER_SIZE,
  putHeader,
  refused,
  TYPE_BUS,
  TYPE_RESPONSE,
  whyNot,
} from "./header.js"
import { HELLO } from "./ids.js"

export const HELLO_REQUEST_SIZE = 16
export const HELLO_RESPONSE_SIZE = 68
/** Bytes of the board's name. */
export const BOARD_NAME_SIZE = 32
/** The version of our bus: packets, spans, HELLO. Any change of their layout raises it. */
export const BUS_VERSION = 1
/** HELLO flags bit 0. */
export const HELLO_SIMULATED_CHIPS = 1

/** Transport feature bit 0, VIRTIO_MSG_F_STRICT_CONFIG_GENERATION: SET_CONFIG needs the current generation. */
export const TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION = 1

export interface HelloRequest {
  readonly protocolHash: number
  readonly busVersion: number
}

export interface HelloResponse extends HelloRequest {
  /** The largest message, in bytes, either way (B5, B8, B11). */
  readonly maxMessageSize: number
  /** The transport revision (B5). */
  readonly revision: number
  /** Transport feature bits; bit 0 is VIRTIO_MSG_F_STRICT_CONFIG_GENERATION (B6). */
  readonly transportFeatures: number
  /** Bytes of the area that the driver writes. */
  readonly driverAreaSize: number
  /** Bytes of the area that the device writes. */
  readonly deviceAreaSize: number
  /** The epoch that the device has taken up. */
  readonly epoch: number
  /** How many packets the device can hold before it has read any. */
  readonly receiveCredit: number
  readonly hasSimulatedChips: boolean
  readonly firmwareVersion: readonly number[]
  /** At most 32 ASCII characters. */
  readonly board: string
}

/**
 * A number over everything that both ends must agree on (FNV-1a of the layouts below), so that firmware of
 * another build is told apart from broken firmware.
 */
export function protocolHash(layout: readonly number[]): number {
  let hash = 0x811c9dc5 | 0
  for (let i = 0; i < layout.length; i++) hash = Math.imul(hash ^ layout[i], 0x01000193)
  return hash >>> 0
}

export function encodeHelloRequest(frame: ByteBuf, hello: HelloRequest): number {
  putHeader(frame, TYPE_BUS, HELLO, 0, HELLO_REQUEST_SIZE)
  putU32(frame, HEADER_SIZE, hello.protocolHash)
  putU16(frame, HEADER_SIZE + 4, hello.busVersion)
  putU16(frame, HEADER_SIZE + 6, 0)
  return HELLO_REQUEST_SIZE
}

export function decodeHelloRequest(frame: ByteBuf): Decoded<HelloRequest> {
  const reason = whyNot(frame, TYPE_BUS, HELLO, HELLO_REQUEST_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  return decoded({ protocolHash: getU32(frame, HEADER_SIZE), busVersion: getU16(frame, HEADER_SIZE + 4) })
}

export function encodeHelloResponse(frame: ByteBuf, hello: HelloResponse): number {
  putHeader(frame, TYPE_BUS | TYPE_RESPONSE, HELLO, 0, HELLO_RESPONSE_SIZE)
  putU32(frame, HEADER_SIZE, hello.protocolHash)
  putU16(frame, HEADER_SIZE + 4, hello.busVersion)
  putU16(frame, HEADER_SIZE + 6, hello.maxMessageSize)
  putU32(frame, HEADER_SIZE + 8, hello.revision)
  putU32(frame, HEADER_SIZE + 12, hello.transportFeatures)
  putU16(frame, HEADER_SIZE + 16, hello.driverAreaSize)
  putU16(frame, HEADER_SIZE + 18, hello.deviceAreaSize)
  putU16(frame, HEADER_SIZE + 20, hello.epoch)
  frame[HEADER_SIZE + 22] = hello.receiveCredit
  frame[HEADER_SIZE + 23] = hello.hasSimulatedChips ? HELLO_SIMULATED_CHIPS : 0
  for (let i = 0; i < 4; i++) frame[HEADER_SIZE + 24 + i] = hello.firmwareVersion[i] | 0
  for (let i = 0; i < BOARD_NAME_SIZE; i++)
    frame[HEADER_SIZE + 28 + i] = i < hello.board.length ? hello.board.charCodeAt(i) & 0x7f : 0
  return HELLO_RESPONSE_SIZE
}

export function decodeHelloResponse(frame: ByteBuf): Decoded<HelloResponse> {
  const reason = whyNot(frame, TYPE_BUS | TYPE_RESPONSE, HELLO, HELLO_RESPONSE_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  let board = ""
  for (let i = 0; i < BOARD_NAME_SIZE && frame[HEADER_SIZE + 28 + i] !== 0; i++) {
    const rawCode = frame[HEADER_SIZE + 28 + i]
    board += rawCode >= 0x20 && rawCode < 0x7f ? String.fromCharCode(rawCode) : "?"
  }
  return decoded({
    protocolHash: getU32(frame, HEADER_SIZE),
    busVersion: getU16(frame, HEADER_SIZE + 4),
    maxMessageSize: getU16(frame, HEADER_SIZE + 6),
    revision: getU32(frame, HEADER_SIZE + 8),
    transportFeatures: getU32(frame, HEADER_SIZE + 12),
    driverAreaSize: getU16(frame, HEADER_SIZE + 16),
    deviceAreaSize: getU16(frame, HEADER_SIZE + 18),
    epoch: getU16(frame, HEADER_SIZE + 20),
    receiveCredit: frame[HEADER_SIZE + 22],
    hasSimulatedChips: (frame[HEADER_SIZE + 23] & HELLO_SIMULATED_CHIPS) !== 0,
    firmwareVersion: [
      frame[HEADER_SIZE + 24],
      frame[HEADER_SIZE + 25],
      frame[HEADER_SIZE + 26],
      frame[HEADER_SIZE + 27],
    ],
    board,
  })
}
