// GET_DEVICE_INFO: what a device is, and how large its parts are (virtio-msg "GET_DEVICE_INFO").
//
//   response payload: device_id u32@0, vendor_id u32@4, device_uuid[16]@8, num_feature_blocks u32@24,
//   config_size u32@28, max_virtqueues u32@32, admin_vq_start u32@36, admin_vq_count u32@40

import { type ByteBuf, copyBytes, getU32, putU32 } from "../bytes.js"
import { type Decoded, decoded, HEADER_SIZE, putHeader, refused, TYPE_RESPONSE, whyNot } from "./header.js"
import { GET_DEVICE_INFO } from "./ids.js"

/** VIRTIO_MSG_VENDOR of our devices: "VMSG" in little-endian ASCII. */
export const VENDOR_ID = 0x47534d56

export const GET_DEVICE_INFO_REQUEST_SIZE = 8
export const GET_DEVICE_INFO_RESPONSE_SIZE = 52
/** Bytes of a device UUID; 16 zeros mean that the device has none (V43, D37). */
export const UUID_SIZE = 16

export interface DeviceInfo {
  /** The virtio device type: 34 is I2C. */
  readonly deviceId: number
  readonly vendorId: number
  /** 16 bytes. */
  readonly uuid: ByteBuf
  /** How many 32-bit feature blocks cover every offered bit (V38). */
  readonly numFeatureBlocks: number
  /** Bytes of the configuration space. */
  readonly configSize: number
  /** At most 65536, administration virtqueues included (V39, V40). */
  readonly maxVirtqueues: number
  readonly adminVqStart: number
  readonly adminVqCount: number
}

export function encodeGetDeviceInfoRequest(frame: ByteBuf, devNum: number): number {
  return putHeader(frame, 0, GET_DEVICE_INFO, devNum, GET_DEVICE_INFO_REQUEST_SIZE)
}

export function encodeGetDeviceInfoResponse(frame: ByteBuf, devNum: number, info: DeviceInfo): number {
  putHeader(frame, TYPE_RESPONSE, GET_DEVICE_INFO, devNum, GET_DEVICE_INFO_RESPONSE_SIZE)
  putU32(frame, HEADER_SIZE, info.deviceId)
  putU32(frame, HEADER_SIZE + 4, info.vendorId)
  copyBytes(frame, HEADER_SIZE + 8, info.uuid, 0, UUID_SIZE)
  putU32(frame, HEADER_SIZE + 24, info.numFeatureBlocks)
  putU32(frame, HEADER_SIZE + 28, info.configSize)
  putU32(frame, HEADER_SIZE + 32, info.maxVirtqueues)
  putU32(frame, HEADER_SIZE + 36, info.adminVqStart)
  putU32(frame, HEADER_SIZE + 40, info.adminVqCount)
  return GET_DEVICE_INFO_RESPONSE_SIZE
}

/** `uuid` receives the 16 bytes of the UUID. */
export function decodeGetDeviceInfoResponse(frame: ByteBuf, uuid: ByteBuf): Decoded<DeviceInfo> {
  const reason = whyNot(frame, TYPE_RESPONSE, GET_DEVICE_INFO, GET_DEVICE_INFO_RESPONSE_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  copyBytes(uuid, 0, frame, HEADER_SIZE + 8, UUID_SIZE)
  return decoded({
    deviceId: getU32(frame, HEADER_SIZE),
    vendorId: getU32(frame, HEADER_SIZE + 4),
    uuid,
    numFeatureBlocks: getU32(frame, HEADER_SIZE + 24),
    configSize: getU32(frame, HEADER_SIZE + 28),
    maxVirtqueues: getU32(frame, HEADER_SIZE + 32),
    adminVqStart: getU32(frame, HEADER_SIZE + 36),
    adminVqCount: getU32(frame, HEADER_SIZE + 40),
  })
}
