// GET_CONFIG and SET_CONFIG: the device's configuration space (virtio-msg "GET_CONFIG", "SET_CONFIG").
//
//   GET_CONFIG request payload:  offset u32@0, length u32@4
//   the three others:            generation u32@0, offset u32@4, length u32@8, data[length]@12

import { type ByteBuf, copyBytes, getU16, getU32, putU32 } from "../bytes.js"
import { type Decoded, decoded, HEADER_SIZE, putHeader, refused, TYPE_RESPONSE, whyNot } from "./header.js"
import { GET_CONFIG, SET_CONFIG } from "./ids.js"

export const GET_CONFIG_REQUEST_SIZE = 16
/** Without the data. At a maximum message size of 264 there is room for 244 bytes, at 52 for 32. */
export const CONFIG_BASE_SIZE = 20

export interface ConfigRange {
  /** First byte in the configuration space. */
  readonly offset: number
  /** Bytes. */
  readonly length: number
}

export interface ConfigData extends ConfigRange {
  /** Changes whenever two accesses could see different configurations (V7). */
  readonly generation: number
  /** Where the bytes lie: `length` of them from `dataOffset` of `data`. */
  readonly data: ByteBuf
  readonly dataOffset: number
}

export function encodeGetConfigRequest(frame: ByteBuf, devNum: number, range: ConfigRange): number {
  putHeader(frame, 0, GET_CONFIG, devNum, GET_CONFIG_REQUEST_SIZE)
  putU32(frame, HEADER_SIZE, range.offset)
  putU32(frame, HEADER_SIZE + 4, range.length)
  return GET_CONFIG_REQUEST_SIZE
}

export function decodeGetConfigRequest(frame: ByteBuf): Decoded<ConfigRange> {
  const reason = whyNot(frame, 0, GET_CONFIG, 8)
  if (reason !== "") return refused(reason)
  return decoded({ offset: getU32(frame, HEADER_SIZE), length: getU32(frame, HEADER_SIZE + 4) })
}

export function encodeGetConfigResponse(frame: ByteBuf, devNum: number, config: ConfigData): number {
  return putConfig(frame, TYPE_RESPONSE, GET_CONFIG, devNum, config)
}

export function decodeGetConfigResponse(frame: ByteBuf): Decoded<ConfigData> {
  return getConfig(frame, TYPE_RESPONSE, GET_CONFIG)
}

export function encodeSetConfigRequest(frame: ByteBuf, devNum: number, config: ConfigData): number {
  return putConfig(frame, 0, SET_CONFIG, devNum, config)
}

export function decodeSetConfigRequest(frame: ByteBuf): Decoded<ConfigData> {
  return getConfig(frame, 0, SET_CONFIG)
}

/** A response of length 0 says that nothing was applied (V47, V48, D42). */
export function encodeSetConfigResponse(frame: ByteBuf, devNum: number, config: ConfigData): number {
  return putConfig(frame, TYPE_RESPONSE, SET_CONFIG, devNum, config)
}

export function decodeSetConfigResponse(frame: ByteBuf): Decoded<ConfigData> {
  return getConfig(frame, TYPE_RESPONSE, SET_CONFIG)
}

function putConfig(frame: ByteBuf, type: number, msgId: number, devNum: number, config: ConfigData): number {
  const size = CONFIG_BASE_SIZE + config.length
  putHeader(frame, type, msgId, devNum, size)
  putU32(frame, HEADER_SIZE, config.generation)
  putU32(frame, HEADER_SIZE + 4, config.offset)
  putU32(frame, HEADER_SIZE + 8, config.length)
  copyBytes(frame, CONFIG_BASE_SIZE, config.data, config.dataOffset, config.length)
  return size
}

function getConfig(frame: ByteBuf, type: number, msgId: number): Decoded<ConfigData> {
  const reason = whyNot(frame, type, msgId, 12)
  if (reason !== "") return refused(reason)
  const rawLength = getU32(frame, HEADER_SIZE + 8)
  const held = getU16(frame, 6) - CONFIG_BASE_SIZE
  if (rawLength > held) return refused(`length ${rawLength} is more than what is in the message, ${held}`)
  return decoded({
    generation: getU32(frame, HEADER_SIZE),
    offset: getU32(frame, HEADER_SIZE + 4),
    length: rawLength,
    data: frame,
    dataOffset: CONFIG_BASE_SIZE,
  })
}
