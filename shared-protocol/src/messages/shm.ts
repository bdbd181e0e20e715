// GET_SHM: a shared memory region of the device (virtio-msg "GET_SHM"). Mandatory for devices (V36).
//
//   request payload:  shmid u32@0
//   response payload: shmid u32@0, reserved u32@4, length u64@8 (0: no such region), address u64@16

import { type ByteBuf, getU32, putU32 } from "../bytes.js"
import { type Decoded, decoded, HEADER_SIZE, putHeader, refused, TYPE_RESPONSE, whyNot } from "./header.js"
import { GET_SHM } from "./ids.js"
import type { Address } from "./vqueue.js"

export const GET_SHM_REQUEST_SIZE = 12
export const GET_SHM_RESPONSE_SIZE = 32

export interface SharedMemoryRegion {
  readonly shmid: number
  /** Bytes, 64 bits; 0 when the device has no such region. */
  readonly length: Address
  readonly address: Address
}

export function encodeGetShmRequest(frame: ByteBuf, devNum: number, shmid: number): number {
  putHeader(frame, 0, GET_SHM, devNum, GET_SHM_REQUEST_SIZE)
  putU32(frame, HEADER_SIZE, shmid)
  return GET_SHM_REQUEST_SIZE
}

export function decodeGetShmRequest(frame: ByteBuf): Decoded<number> {
  const reason = whyNot(frame, 0, GET_SHM, GET_SHM_REQUEST_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  return decoded(getU32(frame, HEADER_SIZE))
}

export function encodeGetShmResponse(frame: ByteBuf, devNum: number, region: SharedMemoryRegion): number {
  putHeader(frame, TYPE_RESPONSE, GET_SHM, devNum, GET_SHM_RESPONSE_SIZE)
  putU32(frame, HEADER_SIZE, region.shmid)
  putU32(frame, HEADER_SIZE + 4, 0) // V67
  putU32(frame, HEADER_SIZE + 8, region.length.low)
  putU32(frame, HEADER_SIZE + 12, region.length.high)
  putU32(frame, HEADER_SIZE + 16, region.address.low)
  putU32(frame, HEADER_SIZE + 20, region.address.high)
  return GET_SHM_RESPONSE_SIZE
}

export function decodeGetShmResponse(frame: ByteBuf): Decoded<SharedMemoryRegion> {
  const reason = whyNot(frame, TYPE_RESPONSE, GET_SHM, GET_SHM_RESPONSE_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  return decoded({
    shmid: getU32(frame, HEADER_SIZE),
    length: { low: getU32(frame, HEADER_SIZE + 8), high: getU32(frame, HEADER_SIZE + 12) },
    address: { low: getU32(frame, HEADER_SIZE + 16), high: getU32(frame, HEADER_SIZE + 20) },
  })
}
