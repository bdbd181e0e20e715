// The vhost-user protocol on the wire, all little-endian ("Vhost-user Protocol", QEMU's docs/interop).
//
//   message:        request u32@0, flags u32@4 (version 0..1, reply 2, need reply 3), size u32@8, payload@12
//   vring state:    index u32@0, value u32@4
//   vring address:  index u32@0, flags u32@4, descriptors u64@8, used u64@16, available u64@24, log u64@32
//   vring file:     u64@0: index in bits 0..7, bit 8: no descriptor comes with it
//   memory table:   count u32@0, padding u32@4, regions@8, 32 bytes each:
//                   guest address u64@0, size u64@8, user address u64@16, offset in the file u64@24
//   configuration:  offset u32@0, size u32@4, flags u32@8, bytes@12

import { counted } from "../../counted.js"

export const REQUEST = {
  GET_FEATURES: 1,
  SET_FEATURES: 2,
  SET_OWNER: 3,
  RESET_OWNER: 4,
  SET_MEM_TABLE: 5,
  SET_VRING_NUM: 8,
  SET_VRING_ADDR: 9,
  SET_VRING_BASE: 10,
  GET_VRING_BASE: 11,
  SET_VRING_KICK: 12,
  SET_VRING_CALL: 13,
  SET_VRING_ERR: 14,
  GET_PROTOCOL_FEATURES: 15,
  SET_PROTOCOL_FEATURES: 16,
  GET_QUEUE_NUM: 17,
  SET_VRING_ENABLE: 18,
  GET_CONFIG: 24,
  SET_CONFIG: 25,
} as const

/** The name of a request, for messages to people. */
export function requestName(request: number): string {
  const found = Object.entries(REQUEST).find(([, value]) => value === request)
  return found ? found[0] : `request ${request}`
}

/** Device features that belong to the ring or the transport and not to a device type (virtio 1.4 6). */
export const FEATURE_INDIRECT_DESC = 1n << 28n
export const FEATURE_EVENT_IDX = 1n << 29n
export const FEATURE_PROTOCOL_FEATURES = 1n << 30n
export const FEATURE_VERSION_1 = 1n << 32n

export const PROTOCOL_FEATURE_MQ = 1n << 0n
export const PROTOCOL_FEATURE_REPLY_ACK = 1n << 3n
export const PROTOCOL_FEATURE_CONFIG = 1n << 9n

export const HEADER_SIZE = 12
/** No message of the features above is longer. */
export const MAX_PAYLOAD_SIZE = 2048
/** Regions of a memory table, and so descriptors of a message, at most. */
export const MAX_REGIONS = 8
/** Queue sizes that the protocol's users have: QEMU takes 1024 for I2C. */
export const MAX_VRING_SIZE = 1024

const VERSION = 1
const FLAG_REPLY = 4
const FLAG_NEED_REPLY = 8
const CONFIG_HEADER_SIZE = 12
const REGION_SIZE = 32

export interface Header {
  readonly request: number
  readonly needsReply: boolean
  /** Bytes that follow. */
  readonly size: number
}

export interface VringState {
  readonly index: number
  readonly value: number
}

/** Where the parts of a ring are, in addresses of the front end's process. */
export interface VringAddress {
  readonly index: number
  readonly descriptors: number
  readonly available: number
  readonly used: number
}

export interface VringFile {
  readonly index: number
  /** Whether a file descriptor comes with the message. */
  readonly hasDescriptor: boolean
}

export interface RegionDescription {
  readonly guestAddress: number
  readonly userAddress: number
  readonly length: number
  readonly fileOffset: number
}

/** Part of the configuration space, asked for or given. */
export interface ConfigRange {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** Decodes a header; a string says what is wrong with it. */
export function decodeHeader(bytes: Uint8Array): Header | string {
  if (bytes.length !== HEADER_SIZE) return `a header of ${counted(bytes.length, "byte")}`
  const view = viewOf(bytes)
  const flags = view.getUint32(4, true)
  const size = view.getUint32(8, true)
  if ((flags & 3) !== VERSION) return `version ${flags & 3} of the protocol`
  if (size > MAX_PAYLOAD_SIZE) return `a payload of ${counted(size, "byte")}`
  return { request: view.getUint32(0, true), needsReply: (flags & FLAG_NEED_REPLY) !== 0, size }
}

/** Decodes a payload of one 64-bit number; undefined when it has another size. */
export function decodeNumber(payload: Uint8Array): bigint | undefined {
  return payload.length === 8 ? viewOf(payload).getBigUint64(0, true) : undefined
}

export function decodeVringState(payload: Uint8Array): VringState | undefined {
  if (payload.length !== 8) return undefined
  const view = viewOf(payload)
  return { index: view.getUint32(0, true), value: view.getUint32(4, true) }
}

export function decodeVringAddress(payload: Uint8Array): VringAddress | undefined {
  if (payload.length !== 40) return undefined
  const view = viewOf(payload)
  return {
    index: view.getUint32(0, true),
    descriptors: getAddress(view, 8),
    used: getAddress(view, 16),
    available: getAddress(view, 24),
  }
}

export function decodeVringFile(payload: Uint8Array): VringFile | undefined {
  const value = decodeNumber(payload)
  if (value === undefined) return undefined
  return { index: Number(value & 0xffn), hasDescriptor: (value & 0x100n) === 0n }
}

export function decodeMemoryTable(payload: Uint8Array): RegionDescription[] | undefined {
  if (payload.length < 8) return undefined
  const view = viewOf(payload)
  const count = view.getUint32(0, true)
  if (count > MAX_REGIONS || payload.length !== 8 + REGION_SIZE * count) return undefined
  return Array.from({ length: count }, (_, index) => {
    const at = 8 + REGION_SIZE * index
    return {
      guestAddress: getAddress(view, at),
      length: getAddress(view, at + 8),
      userAddress: getAddress(view, at + 16),
      fileOffset: getAddress(view, at + 24),
    }
  })
}

export function decodeConfig(payload: Uint8Array): ConfigRange | undefined {
  if (payload.length < CONFIG_HEADER_SIZE) return undefined
  const view = viewOf(payload)
  const bytes = payload.subarray(CONFIG_HEADER_SIZE)
  if (view.getUint32(4, true) !== bytes.length) return undefined
  return { offset: view.getUint32(0, true), bytes }
}

export function encodeReply(request: number, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(HEADER_SIZE + payload.length)
  const view = viewOf(message)
  view.setUint32(0, request, true)
  view.setUint32(4, VERSION | FLAG_REPLY, true)
  view.setUint32(8, payload.length, true)
  message.set(payload, HEADER_SIZE)
  return message
}

export function encodeNumber(value: bigint): Uint8Array {
  const payload = new Uint8Array(8)
  viewOf(payload).setBigUint64(0, value, true)
  return payload
}

export function encodeVringState(state: VringState): Uint8Array {
  const payload = new Uint8Array(8)
  const view = viewOf(payload)
  view.setUint32(0, state.index, true)
  view.setUint32(4, state.value, true)
  return payload
}

export function encodeConfig(range: ConfigRange): Uint8Array {
  const payload = new Uint8Array(CONFIG_HEADER_SIZE + range.bytes.length)
  const view = viewOf(payload)
  view.setUint32(0, range.offset, true)
  view.setUint32(4, range.bytes.length, true)
  payload.set(range.bytes, CONFIG_HEADER_SIZE)
  return payload
}

function getAddress(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
