// GET_DEVICE_FEATURES and SET_DRIVER_FEATURES: feature bits in blocks of 32 (virtio-msg "Feature Blocks").
//
//   request and response payload: block_index u32@0, num_blocks u32@4, features u32[num_blocks]@8
//   (GET's request and SET's response carry less: 8 bytes, and nothing)

import { type ByteBuf, getU32, putU32 } from "../bytes.js"
import { type Decoded, decoded, HEADER_SIZE, putHeader, refused, TYPE_RESPONSE, whyNot } from "./header.js"
import { GET_DEVICE_FEATURES, SET_DRIVER_FEATURES } from "./ids.js"

export const GET_DEVICE_FEATURES_REQUEST_SIZE = 16
/** Without the blocks themselves, 4 bytes each. */
export const FEATURES_BASE_SIZE = 16
export const SET_DRIVER_FEATURES_RESPONSE_SIZE = 8

export interface FeatureRange {
  /** The first 32-bit block: bits 32 * blockIndex and up. */
  readonly blockIndex: number
  readonly numBlocks: number
}

export interface FeatureBlocks extends FeatureRange {
  /** One unsigned 32-bit number a block. */
  readonly features: readonly number[]
}

/** How many blocks a message of at most `maxMessageSize` bytes can carry: 9 at 52 bytes. */
export function maxFeatureBlocks(maxMessageSize: number): number {
  return Math.floor((maxMessageSize - FEATURES_BASE_SIZE) / 4)
}

export function encodeGetDeviceFeaturesRequest(frame: ByteBuf, devNum: number, range: FeatureRange): number {
  putHeader(frame, 0, GET_DEVICE_FEATURES, devNum, GET_DEVICE_FEATURES_REQUEST_SIZE)
  putU32(frame, HEADER_SIZE, range.blockIndex)
  putU32(frame, HEADER_SIZE + 4, range.numBlocks)
  return GET_DEVICE_FEATURES_REQUEST_SIZE
}

export function decodeGetDeviceFeaturesRequest(frame: ByteBuf): Decoded<FeatureRange> {
  const reason = whyNot(frame, 0, GET_DEVICE_FEATURES, 8)
  if (reason !== "") return refused(reason)
  return decoded({ blockIndex: getU32(frame, HEADER_SIZE), numBlocks: getU32(frame, HEADER_SIZE + 4) })
}

export function encodeGetDeviceFeaturesResponse(
  frame: ByteBuf,
  devNum: number,
  blocks: FeatureBlocks,
): number {
  return putBlocks(frame, TYPE_RESPONSE, GET_DEVICE_FEATURES, devNum, blocks)
}

export function decodeGetDeviceFeaturesResponse(frame: ByteBuf): Decoded<FeatureBlocks> {
  return getBlocks(frame, TYPE_RESPONSE, GET_DEVICE_FEATURES)
}

export function encodeSetDriverFeaturesRequest(
  frame: ByteBuf,
  devNum: number,
  blocks: FeatureBlocks,
): number {
  return putBlocks(frame, 0, SET_DRIVER_FEATURES, devNum, blocks)
}

export function decodeSetDriverFeaturesRequest(frame: ByteBuf): Decoded<FeatureBlocks> {
  return getBlocks(frame, 0, SET_DRIVER_FEATURES)
}

export function encodeSetDriverFeaturesResponse(frame: ByteBuf, devNum: number): number {
  return putHeader(frame, TYPE_RESPONSE, SET_DRIVER_FEATURES, devNum, SET_DRIVER_FEATURES_RESPONSE_SIZE)
}

function putBlocks(
  frame: ByteBuf,
  type: number,
  msgId: number,
  devNum: number,
  blocks: FeatureBlocks,
): number {
  const size = FEATURES_BASE_SIZE + 4 * blocks.numBlocks
  putHeader(frame, type, msgId, devNum, size)
  putU32(frame, HEADER_SIZE, blocks.blockIndex)
  putU32(frame, HEADER_SIZE + 4, blocks.numBlocks)
  for (let i = 0; i < blocks.numBlocks; i++) putU32(frame, FEATURES_BASE_SIZE + 4 * i, blocks.features[i])
  return size
}

function getBlocks(frame: ByteBuf, type: number, msgId: number): Decoded<FeatureBlocks> {
  const reason = whyNot(frame, type, msgId, 8)
  if (reason !== "") return refused(reason)
  const rawNumBlocks = getU32(frame, HEADER_SIZE + 4)
  // compared as a count of what the message holds, so that a huge number cannot overflow
  const held = maxFeatureBlocks(frame[6] | (frame[7] << 8))
  if (rawNumBlocks > held)
    return refused(`num_blocks ${rawNumBlocks} is more than the ${held} in the message`)
  const features: number[] = []
  for (let i = 0; i < rawNumBlocks; i++) features.push(getU32(frame, FEATURES_BASE_SIZE + 4 * i))
  return decoded({ blockIndex: getU32(frame, HEADER_SIZE), numBlocks: rawNumBlocks, features })
}
