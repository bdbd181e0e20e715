// The numbers and layouts of the bridge between a kernel and a device model, /dev/virtio-msg-bridge (docs/bridge.md).
// It is merged nowhere yet: what a later version changes has to be changed here.

import {
  HEADER_SIZE,
  putHeader,
  TYPE_BUS,
  TYPE_RESPONSE,
} from "../../../../shared-protocol/src/messages/header.js"
import { type Fields, Struct, type StructValues } from "./struct.js"

/** The version of the interface that this code speaks. The kernel has to name the same one on ATTACH. */
export const BRIDGE_VERSION = 1
export const BRIDGE_NODE = "/dev/virtio-msg-bridge"

/** The number of slots in a ring, and what the size of a slot has to be a multiple of. */
export const RING_ENTRIES = 256
export const ENTRY_ALIGNMENT = 128
/** A slot has to hold a MAP_ADD. */
export const LEAST_MAX_MESSAGE_SIZE = 72

export const RESOLVE_CREATE = 1
/** Of the caps: the endpoint is online. */
export const CAP_ONLINE = 1
/** Of MAP_ADD: keep it mapped when it is idle. */
export const MAP_RETAIN = 1

/** Why an endpoint went offline. */
export const OFFLINE_REMOVED = 1
export const OFFLINE_RESET = 2

const ADDRESS = { busName: "char16", busId: "char48" } as const

export const RESOLVE = new Struct({ ...ADDRESS, handle: "u32", flags: "u32", reserved: "pad16" })
export const RELEASE = new Struct({ handle: "u32", flags: "u32", reserved: "pad8" })
export const CAPS = new Struct({
  version: "u32",
  revision: "u32",
  maxMessageSize: "u32",
  flags: "u32",
  transportFeatures: "u64",
  bridgeFeatures: "u64",
  epoch: "u64",
  reserved: "pad8",
})
export type Caps = StructValues<typeof CAPS extends Struct<infer F> ? F : never>
export const ATTACH = new Struct({
  endpoint: "u32",
  flags: "u32",
  ringFd: "i32",
  kickFd: "i32",
  callFd: "i32",
  maxMessageSize: "u32",
  txOffset: "u64",
  txBytes: "u64",
  txEntries: "u32",
  txEntrySize: "u32",
  txReserved: "pad8",
  rxOffset: "u64",
  rxBytes: "u64",
  rxEntries: "u32",
  rxEntrySize: "u32",
  rxReserved: "pad8",
  caps: `pad${CAPS.size}`,
  reserved: "pad32",
})
export const RING_HEADER = new Struct({
  prod: "u32",
  cons: "u32",
  entries: "u32",
  entrySize: "u32",
  flags: "u32",
  reserved: "pad4",
})
export type RingHeader = StructValues<typeof RING_HEADER extends Struct<infer F> ? F : never>

/** _IOC of Linux: a direction, the size, the group and the number. */
const ioctl = (direction: number, nr: number, size: number) =>
  ((direction << 30) | (size << 16) | (0xb9 << 8) | nr) >>> 0
const WRITE = 1
const READ = 2

export const IOCTL_ATTACH = ioctl(READ | WRITE, 0x00, ATTACH.size)
export const IOCTL_DETACH = ioctl(0, 0x01, 0)
export const IOCTL_RESOLVE = ioctl(READ | WRITE, 0x0a, RESOLVE.size)
export const IOCTL_RELEASE = ioctl(WRITE, 0x0b, RELEASE.size)

/** The bridge's own bus messages, beside the transport's. */
export const ERROR = 0x88
export const MAP_ADD = 0x89
export const MAP_DEL = 0x8a
export const ENDPOINT_ONLINE = 0xc0
export const ENDPOINT_OFFLINE = 0xc1
export const TOPOLOGY_RESET = 0xc2
export const TOPOLOGY_DEV_ADD = 0xc3
export const TOPOLOGY_COMMIT = 0xc4
export const MAP_RELEASED = 0xc5

const MAP = { epoch: "u64", seq: "u64", id: "u64" } as const
const MAP_ANSWER = { ...MAP, status: "i32", reserved: "pad4" } as const

/** Their payloads. */
export const ONLINE_PAYLOAD = new Struct({
  epoch: "u64",
  busName: "char16",
  maxMessageSize: "u32",
  reserved: "pad4",
})
export const OFFLINE_PAYLOAD = new Struct({ epoch: "u64", reason: "u32", reserved: "pad4" })
export const RESET_PAYLOAD = new Struct({ epoch: "u64", reserved: "pad8" })
export const DEV_ADD_PAYLOAD = new Struct({ epoch: "u64", devNum: "u16", reserved: "pad6" })
export const COMMIT_PAYLOAD = new Struct({ epoch: "u64", count: "u16", reserved: "pad6" })
export const RELEASED_PAYLOAD = new Struct({ ...MAP, address: "u64", length: "u64" })
export const MAP_ADD_PAYLOAD = new Struct({
  ...MAP,
  address: "u64",
  length: "u64",
  mmapOffset: "u64",
  mmapLength: "u64",
  flags: "u32",
  reserved: "pad4",
})
export const MAP_DEL_PAYLOAD = new Struct({ ...MAP, address: "u64", length: "u64", reserved: "pad8" })
export const MAP_ANSWER_PAYLOAD = new Struct(MAP_ANSWER)
export const ERROR_PAYLOAD = new Struct({ devNum: "u16", msgId: "u8", reserved: "pad1", error: "i32" })

/** Bytes of a slot for messages of at most so many bytes. */
export function entrySizeFor(maxMessageSize: number): number {
  return Math.ceil(maxMessageSize / ENTRY_ALIGNMENT) * ENTRY_ALIGNMENT
}

/** Bytes of a ring, header and slots. */
export function ringBytes(entrySize: number): number {
  return RING_HEADER.size + RING_ENTRIES * entrySize
}

/** A frame of the bridge's own: type and token are 2 and 0 for an event, 3 and the request's for an answer. */
export function bridgeFrame<F extends Fields>(
  msgId: number,
  payload: Struct<F>,
  values: StructValues<F>,
  answers?: { readonly token: number },
): Uint8Array {
  const frame = new Uint8Array(HEADER_SIZE + payload.size)
  putHeader(frame, answers ? TYPE_BUS | TYPE_RESPONSE : TYPE_BUS, msgId, 0, frame.length)
  if (answers) new DataView(frame.buffer).setUint16(4, answers.token, true)
  payload.put(frame, HEADER_SIZE, values)
  return frame
}
