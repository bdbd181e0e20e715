// GET_VQUEUE, SET_VQUEUE and RESET_VQUEUE (virtio-msg "GET_VQUEUE", "SET_VQUEUE", "RESET_VQUEUE").
//
//   GET_VQUEUE response payload: index u32@0, max_size u32@4, cur_size u32@8, flags u32@12 (bit 0 enabled),
//                                desc u64@16, driver u64@24, device u64@32
//   SET_VQUEUE request payload:  index u32@0, flags u32@4, size u32@8, reserved u32@12,
//                                desc u64@16, driver u64@24, device u64@32
//   the two other requests:      index u32@0; their responses and SET_VQUEUE's are empty
//
// A 64-bit address is two 32-bit halves: a double holds only 53 bits, and on our bus the upper half says
// which area of the window is meant (docs/bus.md).

import { type ByteBuf, getU32, putU32 } from "../bytes.js"
import { type Decoded, decoded, HEADER_SIZE, putHeader, refused, TYPE_RESPONSE, whyNot } from "./header.js"
import { GET_VQUEUE, RESET_VQUEUE, SET_VQUEUE } from "./ids.js"

export const VQUEUE_INDEX_REQUEST_SIZE = 12
export const GET_VQUEUE_RESPONSE_SIZE = 48
export const SET_VQUEUE_REQUEST_SIZE = 48
export const VQUEUE_EMPTY_RESPONSE_SIZE = 8

/** GET_VQUEUE flags bit 0. */
export const VQUEUE_ENABLED = 1

/** SET_VQUEUE flags [1:0]: the state operation. 3 is reserved. */
export const VQUEUE_KEEP_DISABLED = 0
export const VQUEUE_ENABLE = 1
export const VQUEUE_KEEP_STATE = 2
export const VQUEUE_OPERATION_MASK = 3
/** SET_VQUEUE flags bits 2..5: leave that field as it is. */
export const VQUEUE_SIZE_IGNORE = 4
export const VQUEUE_DESC_IGNORE = 8
export const VQUEUE_DRIVER_IGNORE = 16
export const VQUEUE_DEVICE_IGNORE = 32
/** SET_VQUEUE flags [31:6] are zero. */
export const VQUEUE_RESERVED_FLAGS = 0xffffffc0

/** A 64-bit address in two unsigned halves. */
export interface Address {
  readonly low: number
  readonly high: number
}

export interface VqueueAddresses {
  /** Descriptor table. */
  readonly desc: Address
  /** Available ring ("driver area"). */
  readonly driver: Address
  /** Used ring ("device area"). */
  readonly device: Address
}

export interface VqueueState extends VqueueAddresses {
  readonly index: number
  /** Largest size, in descriptors; 0: there is no such queue (V54). */
  readonly maxSize: number
  /** Configured size; 0 before configuration (V53). */
  readonly curSize: number
  readonly flags: number
}

export interface VqueueSetting extends VqueueAddresses {
  readonly index: number
  readonly flags: number
  /** Descriptors. */
  readonly size: number
  readonly reserved: number
}

export function encodeGetVqueueRequest(frame: ByteBuf, devNum: number, index: number): number {
  return putIndex(frame, GET_VQUEUE, devNum, index)
}

export function decodeGetVqueueRequest(frame: ByteBuf): Decoded<number> {
  return getIndex(frame, GET_VQUEUE)
}

export function encodeGetVqueueResponse(frame: ByteBuf, devNum: number, state: VqueueState): number {
  putHeader(frame, TYPE_RESPONSE, GET_VQUEUE, devNum, GET_VQUEUE_RESPONSE_SIZE)
  putU32(frame, HEADER_SIZE, state.index)
  putU32(frame, HEADER_SIZE + 4, state.maxSize)
  putU32(frame, HEADER_SIZE + 8, state.curSize)
  putU32(frame, HEADER_SIZE + 12, state.flags)
  putAddresses(frame, state)
  return GET_VQUEUE_RESPONSE_SIZE
}

export function decodeGetVqueueResponse(frame: ByteBuf): Decoded<VqueueState> {
  const reason = whyNot(frame, TYPE_RESPONSE, GET_VQUEUE, GET_VQUEUE_RESPONSE_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  return decoded({
    index: getU32(frame, HEADER_SIZE),
    maxSize: getU32(frame, HEADER_SIZE + 4),
    curSize: getU32(frame, HEADER_SIZE + 8),
    flags: getU32(frame, HEADER_SIZE + 12),
    desc: getAddress(frame, HEADER_SIZE + 16),
    driver: getAddress(frame, HEADER_SIZE + 24),
    device: getAddress(frame, HEADER_SIZE + 32),
  })
}

export function encodeSetVqueueRequest(frame: ByteBuf, devNum: number, setting: VqueueSetting): number {
  putHeader(frame, 0, SET_VQUEUE, devNum, SET_VQUEUE_REQUEST_SIZE)
  putU32(frame, HEADER_SIZE, setting.index)
  putU32(frame, HEADER_SIZE + 4, setting.flags)
  putU32(frame, HEADER_SIZE + 8, setting.size)
  putU32(frame, HEADER_SIZE + 12, setting.reserved)
  putAddresses(frame, setting)
  return SET_VQUEUE_REQUEST_SIZE
}

export function decodeSetVqueueRequest(frame: ByteBuf): Decoded<VqueueSetting> {
  const reason = whyNot(frame, 0, SET_VQUEUE, SET_VQUEUE_REQUEST_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  return decoded({
    index: getU32(frame, HEADER_SIZE),
    flags: getU32(frame, HEADER_SIZE + 4),
    size: getU32(frame, HEADER_SIZE + 8),
    reserved: getU32(frame, HEADER_SIZE + 12),
    desc: getAddress(frame, HEADER_SIZE + 16),
    driver: getAddress(frame, HEADER_SIZE + 24),
    device: getAddress(frame, HEADER_SIZE + 32),
  })
}

/** The response to SET_VQUEUE and to RESET_VQUEUE: a header, whether or not anything changed. */
export function encodeVqueueEmptyResponse(frame: ByteBuf, devNum: number, msgId: number): number {
  return putHeader(frame, TYPE_RESPONSE, msgId, devNum, VQUEUE_EMPTY_RESPONSE_SIZE)
}

export function encodeResetVqueueRequest(frame: ByteBuf, devNum: number, index: number): number {
  return putIndex(frame, RESET_VQUEUE, devNum, index)
}

export function decodeResetVqueueRequest(frame: ByteBuf): Decoded<number> {
  return getIndex(frame, RESET_VQUEUE)
}

function putIndex(frame: ByteBuf, msgId: number, devNum: number, index: number): number {
  putHeader(frame, 0, msgId, devNum, VQUEUE_INDEX_REQUEST_SIZE)
  putU32(frame, HEADER_SIZE, index)
  return VQUEUE_INDEX_REQUEST_SIZE
}

function getIndex(frame: ByteBuf, msgId: number): Decoded<number> {
  const reason = whyNot(frame, 0, msgId, VQUEUE_INDEX_REQUEST_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  return decoded(getU32(frame, HEADER_SIZE))
}

function putAddresses(frame: ByteBuf, addresses: VqueueAddresses): void {
  putU32(frame, HEADER_SIZE + 16, addresses.desc.low)
  putU32(frame, HEADER_SIZE + 20, addresses.desc.high)
  putU32(frame, HEADER_SIZE + 24, addresses.driver.low)
  putU32(frame, HEADER_SIZE + 28, addresses.driver.high)
  putU32(frame, HEADER_SIZE + 32, addresses.device.low)
  putU32(frame, HEADER_SIZE + 36, addresses.device.high)
}

function getAddress(frame: ByteBuf, offset: number): Address {
  return { low: getU32(frame, offset), high: getU32(frame, offset + 4) }
}
