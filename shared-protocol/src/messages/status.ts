// GET_DEVICE_STATUS and SET_DEVICE_STATUS (virtio-msg "GET_DEVICE_STATUS", virtio 1.4 2.1).
//
//   payload, where there is one: status u32@0

import { type ByteBuf, getU32, putU32 } from "../bytes.js"
import { type Decoded, decoded, HEADER_SIZE, putHeader, refused, TYPE_RESPONSE, whyNot } from "./header.js"
import { GET_DEVICE_STATUS, SET_DEVICE_STATUS } from "./ids.js"

export const GET_DEVICE_STATUS_REQUEST_SIZE = 8
/** Of both responses and of SET_DEVICE_STATUS's request. */
export const STATUS_SIZE = 12

/** Bits of the device status (virtio 1.4 2.1). */
export const STATUS_ACKNOWLEDGE = 1
export const STATUS_DRIVER = 2
export const STATUS_DRIVER_OK = 4
export const STATUS_FEATURES_OK = 8
export const STATUS_DEVICE_NEEDS_RESET = 0x40
export const STATUS_FAILED = 0x80

export function encodeGetDeviceStatusRequest(frame: ByteBuf, devNum: number): number {
  return putHeader(frame, 0, GET_DEVICE_STATUS, devNum, GET_DEVICE_STATUS_REQUEST_SIZE)
}

export function encodeGetDeviceStatusResponse(frame: ByteBuf, devNum: number, status: number): number {
  return putStatus(frame, TYPE_RESPONSE, GET_DEVICE_STATUS, devNum, status)
}

export function decodeGetDeviceStatusResponse(frame: ByteBuf): Decoded<number> {
  return getStatus(frame, TYPE_RESPONSE, GET_DEVICE_STATUS)
}

/** Status 0 asks for a reset (D44). */
export function encodeSetDeviceStatusRequest(frame: ByteBuf, devNum: number, status: number): number {
  return putStatus(frame, 0, SET_DEVICE_STATUS, devNum, status)
}

export function decodeSetDeviceStatusRequest(frame: ByteBuf): Decoded<number> {
  return getStatus(frame, 0, SET_DEVICE_STATUS)
}

/** Carries the status that resulted, not the one that was asked for (V50). */
export function encodeSetDeviceStatusResponse(frame: ByteBuf, devNum: number, status: number): number {
  return putStatus(frame, TYPE_RESPONSE, SET_DEVICE_STATUS, devNum, status)
}

export function decodeSetDeviceStatusResponse(frame: ByteBuf): Decoded<number> {
  return getStatus(frame, TYPE_RESPONSE, SET_DEVICE_STATUS)
}

function putStatus(frame: ByteBuf, type: number, msgId: number, devNum: number, status: number): number {
  putHeader(frame, type, msgId, devNum, STATUS_SIZE)
  putU32(frame, HEADER_SIZE, status)
  return STATUS_SIZE
}

function getStatus(frame: ByteBuf, type: number, msgId: number): Decoded<number> {
  const reason = whyNot(frame, type, msgId, STATUS_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  return decoded(getU32(frame, HEADER_SIZE))
}
