// The bus's own messages: GET_DEVICES, PING and EVENT_DEVICE (virtio-msg "Bus Messages"). dev_num is 0 (G2).
//
//   GET_DEVICES request payload:  offset u16@0, count u16@2
//   GET_DEVICES response payload: offset u16@0, next_offset u16@2, count u16@4, bitmap@6, (count + 7) / 8 bytes
//   PING payload, both ways:      data u32@0
//   EVENT_DEVICE payload:         device_number u16@0, device_bus_state u16@2

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
import { EVENT_DEVICE, GET_DEVICES, PING } from "./ids.js"

export const GET_DEVICES_REQUEST_SIZE = 12
/** Without the bitmap. */
export const GET_DEVICES_BASE_SIZE = 14
export const PING_SIZE = 12
export const EVENT_DEVICE_SIZE = 12

/** device_bus_state of EVENT_DEVICE. */
export const DEVICE_ADDED = 1
export const DEVICE_REMOVED = 2

export interface DeviceWindow {
  /** The first device number asked about. */
  readonly offset: number
  /** How many numbers. */
  readonly count: number
}

export interface DeviceBitmap extends DeviceWindow {
  /** Where to ask next; 0 after the last device (B47). */
  readonly nextOffset: number
  /** The numbers in the window that have a device, ascending. */
  readonly deviceNumbers: readonly number[]
}

export interface DeviceEvent {
  readonly deviceNumber: number
  readonly busState: number
}

export function encodeGetDevicesRequest(frame: ByteBuf, window: DeviceWindow): number {
  putHeader(frame, TYPE_BUS, GET_DEVICES, 0, GET_DEVICES_REQUEST_SIZE)
  putU16(frame, HEADER_SIZE, window.offset)
  putU16(frame, HEADER_SIZE + 2, window.count)
  return GET_DEVICES_REQUEST_SIZE
}

export function decodeGetDevicesRequest(frame: ByteBuf): Decoded<DeviceWindow> {
  const reason = whyNot(frame, TYPE_BUS, GET_DEVICES, GET_DEVICES_REQUEST_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  return decoded({ offset: getU16(frame, HEADER_SIZE), count: getU16(frame, HEADER_SIZE + 2) })
}

export function encodeGetDevicesResponse(frame: ByteBuf, bitmap: DeviceBitmap): number {
  const bytes = (bitmap.count + 7) >> 3 // B43
  const size = GET_DEVICES_BASE_SIZE + bytes
  putHeader(frame, TYPE_BUS | TYPE_RESPONSE, GET_DEVICES, 0, size)
  putU16(frame, HEADER_SIZE, bitmap.offset)
  putU16(frame, HEADER_SIZE + 2, bitmap.nextOffset)
  putU16(frame, HEADER_SIZE + 4, bitmap.count)
  for (let i = 0; i < bytes; i++) frame[GET_DEVICES_BASE_SIZE + i] = 0 // B46
  for (let i = 0; i < bitmap.deviceNumbers.length; i++) {
    const slot = bitmap.deviceNumbers[i] - bitmap.offset
    frame[GET_DEVICES_BASE_SIZE + (slot >> 3)] |= 1 << (slot & 7)
  }
  return size
}

export function decodeGetDevicesResponse(frame: ByteBuf): Decoded<DeviceBitmap> {
  const reason = whyNot(frame, TYPE_BUS | TYPE_RESPONSE, GET_DEVICES, GET_DEVICES_BASE_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  const offset = getU16(frame, HEADER_SIZE)
  const rawCount = getU16(frame, HEADER_SIZE + 4)
  const held = getU16(frame, 6) - GET_DEVICES_BASE_SIZE
  if ((rawCount + 7) >> 3 > held) return refused(`a count of ${rawCount} in a bitmap of length ${held}`)
  const deviceNumbers: number[] = []
  for (let i = 0; i < rawCount; i++) {
    if (frame[GET_DEVICES_BASE_SIZE + (i >> 3)] & (1 << (i & 7))) deviceNumbers.push(offset + i)
  }
  return decoded({ offset, nextOffset: getU16(frame, HEADER_SIZE + 2), count: rawCount, deviceNumbers })
}

/**
 * Writes a PING request that carries `data`. Returns its size in bytes.
 *
 * @example
 * ```ts
 * import { encodePingRequest, PING_SIZE } from "virtio-msg/protocol"
 *
 * const frame = new Uint8Array(PING_SIZE)
 * console.log(encodePingRequest(frame, 7)) // 12
 * ```
 */
export function encodePingRequest(frame: ByteBuf, data: number): number {
  putHeader(frame, TYPE_BUS, PING, 0, PING_SIZE)
  putU32(frame, HEADER_SIZE, data)
  return PING_SIZE
}

export function decodePingRequest(frame: ByteBuf): Decoded<number> {
  const reason = whyNot(frame, TYPE_BUS, PING, PING_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  return decoded(getU32(frame, HEADER_SIZE))
}

export function encodePingResponse(frame: ByteBuf, data: number): number {
  putHeader(frame, TYPE_BUS | TYPE_RESPONSE, PING, 0, PING_SIZE)
  putU32(frame, HEADER_SIZE, data)
  return PING_SIZE
}

/**
 * The number that a PING response carries, or why the frame is none.
 *
 * @example
 * ```ts
 * import { decodePingResponse } from "virtio-msg/protocol"
 *
 * const answer = decodePingResponse(Uint8Array.of(3, 3, 0, 0, 9, 0, 12, 0, 7, 0, 0, 0))
 * console.log(answer.ok ? answer.value : answer.reason) // 7
 * ```
 */
export function decodePingResponse(frame: ByteBuf): Decoded<number> {
  const reason = whyNot(frame, TYPE_BUS | TYPE_RESPONSE, PING, PING_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  return decoded(getU32(frame, HEADER_SIZE))
}

export function encodeEventDevice(frame: ByteBuf, event: DeviceEvent): number {
  putHeader(frame, TYPE_BUS, EVENT_DEVICE, 0, EVENT_DEVICE_SIZE)
  putU16(frame, HEADER_SIZE, event.deviceNumber)
  putU16(frame, HEADER_SIZE + 2, event.busState)
  return EVENT_DEVICE_SIZE
}

export function decodeEventDevice(frame: ByteBuf): Decoded<DeviceEvent> {
  const reason = whyNot(frame, TYPE_BUS, EVENT_DEVICE, EVENT_DEVICE_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  return decoded({ deviceNumber: getU16(frame, HEADER_SIZE), busState: getU16(frame, HEADER_SIZE + 2) })
}
