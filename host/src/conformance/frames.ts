// The frames that the suite sends: well-formed ones by the protocol's encoders, and others byte by byte.

import { getU16 } from "../../../shared-protocol/src/bytes.js"
import { encodeGetDevicesRequest, encodePingRequest } from "../../../shared-protocol/src/messages/bus.js"
import {
  encodeGetConfigRequest,
  encodeSetConfigRequest,
} from "../../../shared-protocol/src/messages/config.js"
import { encodeEventAvail } from "../../../shared-protocol/src/messages/events.js"
import {
  encodeGetDeviceFeaturesRequest,
  encodeSetDriverFeaturesRequest,
} from "../../../shared-protocol/src/messages/features.js"
import { HEADER_SIZE } from "../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import { encodeSetDeviceStatusRequest } from "../../../shared-protocol/src/messages/status.js"
import { encodeSetVqueueRequest, type VqueueSetting } from "../../../shared-protocol/src/messages/vqueue.js"

const LARGEST_FRAME = 0xffff

/** A frame of any type, id and payload, with the right msg_size and token 0. */
export function rawFrame(
  type: number,
  msgId: number,
  devNum: number,
  payload: ArrayLike<number> = [],
): Uint8Array {
  const size = HEADER_SIZE + payload.length
  const frame = new Uint8Array(size)
  frame.set([type, msgId, devNum & 0xff, devNum >> 8, 0, 0, size & 0xff, size >> 8])
  frame.set(Array.from(payload), HEADER_SIZE)
  return frame
}

/** Little-endian 32-bit numbers, one after another. */
export function words(...values: number[]): number[] {
  return values.flatMap((value) => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24])
}

/** A copy of `frame` with other bytes from `offset` on. */
export function changed(frame: Uint8Array, offset: number, ...bytes: number[]): Uint8Array {
  const copy = Uint8Array.from(frame)
  copy.set(bytes, offset)
  return copy
}

/** `frame` with bytes behind its msg_size, as a bus may add them. */
export function padded(frame: Uint8Array, ...bytes: number[]): Uint8Array {
  return Uint8Array.of(...frame, ...bytes)
}

/** A message's bytes without padding behind them: as many as its header says, if that is possible. */
export function messageSize(frame: Uint8Array): number {
  const size = frame.length >= HEADER_SIZE ? getU16(frame, 6) : 0
  return size >= HEADER_SIZE && size <= frame.length ? size : frame.length
}

function encoded(encode: (frame: Uint8Array) => number): Uint8Array {
  const buffer = new Uint8Array(LARGEST_FRAME)
  return buffer.slice(0, encode(buffer))
}

export const getDeviceInfo = (devNum: number) => rawFrame(0, ids.GET_DEVICE_INFO, devNum)
export const getDeviceStatus = (devNum: number) => rawFrame(0, ids.GET_DEVICE_STATUS, devNum)
export const setDeviceStatus = (devNum: number, status: number) =>
  encoded((frame) => encodeSetDeviceStatusRequest(frame, devNum, status))
export const getDeviceFeatures = (devNum: number, blockIndex: number, numBlocks: number) =>
  encoded((frame) => encodeGetDeviceFeaturesRequest(frame, devNum, { blockIndex, numBlocks }))
export const setDriverFeatures = (devNum: number, blockIndex: number, features: readonly number[]) =>
  encoded((frame) =>
    encodeSetDriverFeaturesRequest(frame, devNum, { blockIndex, numBlocks: features.length, features }),
  )
export const getConfig = (devNum: number, offset: number, length: number) =>
  encoded((frame) => encodeGetConfigRequest(frame, devNum, { offset, length }))
export const setConfig = (devNum: number, generation: number, offset: number, data: Uint8Array) =>
  encoded((frame) =>
    encodeSetConfigRequest(frame, devNum, { generation, offset, length: data.length, data, dataOffset: 0 }),
  )
export const getVqueue = (devNum: number, index: number) => rawFrame(0, ids.GET_VQUEUE, devNum, words(index))
export const setVqueue = (devNum: number, setting: VqueueSetting) =>
  encoded((frame) => encodeSetVqueueRequest(frame, devNum, setting))
export const resetVqueue = (devNum: number, index: number) =>
  rawFrame(0, ids.RESET_VQUEUE, devNum, words(index))
export const getShm = (devNum: number, shmid: number) => rawFrame(0, ids.GET_SHM, devNum, words(shmid))
export const eventAvail = (devNum: number, vqIndex: number, nextOffset = 0) =>
  encoded((frame) => encodeEventAvail(frame, devNum, { vqIndex, nextOffset }))
export const getDevices = (offset: number, count: number) =>
  encoded((frame) => encodeGetDevicesRequest(frame, { offset, count }))
export const ping = (data: number) => encoded((frame) => encodePingRequest(frame, data))
