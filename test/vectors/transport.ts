// Golden vectors of the transport's requests and responses, but for virtqueues (virtio-msg "Transport Messages").
// The first line of each is the common header: type, msg_id, dev_num, token, msg_size.

import {
  decodeGetConfigRequest,
  decodeGetConfigResponse,
  decodeSetConfigRequest,
  decodeSetConfigResponse,
  encodeGetConfigRequest,
  encodeGetConfigResponse,
  encodeSetConfigRequest,
  encodeSetConfigResponse,
} from "../../shared-protocol/src/messages/config.js"
import {
  decodeGetDeviceInfoResponse,
  encodeGetDeviceInfoRequest,
  encodeGetDeviceInfoResponse,
} from "../../shared-protocol/src/messages/device-info.js"
import {
  decodeGetDeviceFeaturesRequest,
  decodeGetDeviceFeaturesResponse,
  decodeSetDriverFeaturesRequest,
  encodeGetDeviceFeaturesRequest,
  encodeGetDeviceFeaturesResponse,
  encodeSetDriverFeaturesRequest,
  encodeSetDriverFeaturesResponse,
} from "../../shared-protocol/src/messages/features.js"
import {
  decodeGetShmRequest,
  decodeGetShmResponse,
  encodeGetShmRequest,
  encodeGetShmResponse,
} from "../../shared-protocol/src/messages/shm.js"
import {
  decodeGetDeviceStatusResponse,
  decodeSetDeviceStatusRequest,
  decodeSetDeviceStatusResponse,
  encodeGetDeviceStatusRequest,
  encodeGetDeviceStatusResponse,
  encodeSetDeviceStatusRequest,
  encodeSetDeviceStatusResponse,
} from "../../shared-protocol/src/messages/status.js"
import { checkHeader } from "./header.js"
import { type MessageVector, same, sameBytes } from "./vector.js"

const UUID = [0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f]

export const TRANSPORT_VECTORS: readonly MessageVector[] = [
  {
    name: "GET_DEVICE_INFO request",
    hex: ["00 02 0300 0000 0800"],
    encode: (frame) => encodeGetDeviceInfoRequest(frame, 3),
    check: (frame) => checkHeader(frame, 0, 2, 3, 8),
  },
  {
    name: "GET_DEVICE_INFO response",
    hex: [
      "01 02 0300 0000 3400",
      "22000000", // device_id 34
      "564d5347", // vendor_id 0x47534d56
      "101112131415161718191a1b1c1d1e1f", // device_uuid
      "02000000", // num_feature_blocks
      "18000000", // config_size 24
      "00000100", // max_virtqueues 65536
      "feff0000", // admin_vq_start 65534
      "02000000", // admin_vq_count
    ],
    encode: (frame) =>
      encodeGetDeviceInfoResponse(frame, 3, {
        deviceId: 34,
        vendorId: 0x47534d56,
        uuid: UUID,
        numFeatureBlocks: 2,
        configSize: 24,
        maxVirtqueues: 65536,
        adminVqStart: 65534,
        adminVqCount: 2,
      }),
    check: (frame) => {
      const uuid = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
      const info = decodeGetDeviceInfoResponse(frame, uuid)
      if (info.ok === false) return info.reason
      return (
        same("device_id", info.value.deviceId, 34) +
        same("vendor_id", info.value.vendorId, 0x47534d56) +
        sameBytes("device_uuid", info.value.uuid, 0, 16, "101112131415161718191a1b1c1d1e1f") +
        same("num_feature_blocks", info.value.numFeatureBlocks, 2) +
        same("config_size", info.value.configSize, 24) +
        same("max_virtqueues", info.value.maxVirtqueues, 65536) +
        same("admin_vq_start", info.value.adminVqStart, 65534) +
        same("admin_vq_count", info.value.adminVqCount, 2)
      )
    },
  },
  {
    name: "GET_DEVICE_FEATURES request",
    hex: [
      "00 03 0300 0000 1000",
      "01000000", // block_index
      "02000000", // num_blocks
    ],
    encode: (frame) => encodeGetDeviceFeaturesRequest(frame, 3, { blockIndex: 1, numBlocks: 2 }),
    check: (frame) => {
      const range = decodeGetDeviceFeaturesRequest(frame)
      if (range.ok === false) return range.reason
      return same("block_index", range.value.blockIndex, 1) + same("num_blocks", range.value.numBlocks, 2)
    },
  },
  {
    name: "GET_DEVICE_FEATURES response",
    hex: [
      "01 03 0300 0000 1800",
      "00000000", // block_index
      "02000000", // num_blocks
      "010000b0", // bits 31..0: 0xb0000001
      "01010000", // bits 63..32: 0x101
    ],
    encode: (frame) =>
      encodeGetDeviceFeaturesResponse(frame, 3, {
        blockIndex: 0,
        numBlocks: 2,
        features: [0xb0000001, 0x101],
      }),
    check: (frame) => {
      const blocks = decodeGetDeviceFeaturesResponse(frame)
      if (blocks.ok === false) return blocks.reason
      return (
        same("block_index", blocks.value.blockIndex, 0) +
        same("num_blocks", blocks.value.numBlocks, 2) +
        same("number of blocks", blocks.value.features.length, 2) +
        same("block 0", blocks.value.features[0], 0xb0000001) +
        same("block 1", blocks.value.features[1], 0x101)
      )
    },
  },
  {
    name: "SET_DRIVER_FEATURES request",
    hex: [
      "00 04 0300 0000 1400",
      "01000000", // block_index
      "01000000", // num_blocks
      "010000ff", // bits 63..32: 0xff000001
    ],
    encode: (frame) =>
      encodeSetDriverFeaturesRequest(frame, 3, { blockIndex: 1, numBlocks: 1, features: [0xff000001] }),
    check: (frame) => {
      const blocks = decodeSetDriverFeaturesRequest(frame)
      if (blocks.ok === false) return blocks.reason
      return (
        same("block_index", blocks.value.blockIndex, 1) +
        same("num_blocks", blocks.value.numBlocks, 1) +
        same("block 1", blocks.value.features[0], 0xff000001)
      )
    },
  },
  {
    name: "SET_DRIVER_FEATURES response",
    hex: ["01 04 0300 0000 0800"],
    encode: (frame) => encodeSetDriverFeaturesResponse(frame, 3),
    check: (frame) => checkHeader(frame, 1, 4, 3, 8),
  },
  {
    name: "GET_CONFIG request",
    hex: [
      "00 05 0300 0000 1000",
      "04000000", // offset
      "10000000", // length 16
    ],
    encode: (frame) => encodeGetConfigRequest(frame, 3, { offset: 4, length: 16 }),
    check: (frame) => {
      const range = decodeGetConfigRequest(frame)
      if (range.ok === false) return range.reason
      return same("offset", range.value.offset, 4) + same("length", range.value.length, 16)
    },
  },
  {
    name: "GET_CONFIG response",
    hex: [
      "01 05 0300 0000 1700",
      "efbeadde", // generation 0xdeadbeef
      "04000000", // offset
      "03000000", // length
      "a1a2a3", // data
    ],
    encode: (frame) =>
      encodeGetConfigResponse(frame, 3, {
        generation: 0xdeadbeef,
        offset: 4,
        length: 3,
        data: [0, 0xa1, 0xa2, 0xa3],
        dataOffset: 1,
      }),
    check: (frame) => {
      const config = decodeGetConfigResponse(frame)
      if (config.ok === false) return config.reason
      return (
        same("generation", config.value.generation, 0xdeadbeef) +
        same("offset", config.value.offset, 4) +
        same("length", config.value.length, 3) +
        sameBytes("data", config.value.data, config.value.dataOffset, 3, "a1a2a3")
      )
    },
  },
  {
    name: "SET_CONFIG request",
    hex: [
      "00 06 0300 0000 1600",
      "00000000", // generation: 0 in the baseline profile
      "08000000", // offset
      "02000000", // length
      "5a5b", // data
    ],
    encode: (frame) =>
      encodeSetConfigRequest(frame, 3, {
        generation: 0,
        offset: 8,
        length: 2,
        data: [0x5a, 0x5b],
        dataOffset: 0,
      }),
    check: (frame) => {
      const config = decodeSetConfigRequest(frame)
      if (config.ok === false) return config.reason
      return (
        same("generation", config.value.generation, 0) +
        same("offset", config.value.offset, 8) +
        same("length", config.value.length, 2) +
        sameBytes("data", config.value.data, config.value.dataOffset, 2, "5a5b")
      )
    },
  },
  {
    name: "SET_CONFIG response, applied",
    hex: [
      "01 06 0300 0000 1600",
      "01000000", // generation that resulted
      "08000000", // offset
      "02000000", // length: as asked
      "5a5b", // data, echoed
    ],
    encode: (frame) =>
      encodeSetConfigResponse(frame, 3, {
        generation: 1,
        offset: 8,
        length: 2,
        data: [0x5a, 0x5b],
        dataOffset: 0,
      }),
    check: (frame) => {
      const config = decodeSetConfigResponse(frame)
      if (config.ok === false) return config.reason
      return (
        same("generation", config.value.generation, 1) +
        same("length", config.value.length, 2) +
        sameBytes("data", config.value.data, config.value.dataOffset, 2, "5a5b")
      )
    },
  },
  {
    name: "SET_CONFIG response, not applied",
    hex: [
      "01 06 0300 0000 1400",
      "07000000", // generation
      "08000000", // offset
      "00000000", // length: nothing was applied, so no data follows
    ],
    encode: (frame) =>
      encodeSetConfigResponse(frame, 3, { generation: 7, offset: 8, length: 0, data: [], dataOffset: 0 }),
    check: (frame) => {
      const config = decodeSetConfigResponse(frame)
      if (config.ok === false) return config.reason
      return same("generation", config.value.generation, 7) + same("length", config.value.length, 0)
    },
  },
  {
    name: "GET_DEVICE_STATUS request",
    hex: ["00 07 0300 0000 0800"],
    encode: (frame) => encodeGetDeviceStatusRequest(frame, 3),
    check: (frame) => checkHeader(frame, 0, 7, 3, 8),
  },
  {
    name: "GET_DEVICE_STATUS response",
    hex: [
      "01 07 0300 0000 0c00",
      "4f000000", // ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, DEVICE_NEEDS_RESET
    ],
    encode: (frame) => encodeGetDeviceStatusResponse(frame, 3, 0x4f),
    check: (frame) => {
      const status = decodeGetDeviceStatusResponse(frame)
      return status.ok === false ? status.reason : same("status", status.value, 0x4f)
    },
  },
  {
    name: "SET_DEVICE_STATUS request",
    hex: [
      "00 08 ff03 0000 0c00", // device number 0x3ff
      "0b000000", // ACKNOWLEDGE, DRIVER, FEATURES_OK
    ],
    encode: (frame) => encodeSetDeviceStatusRequest(frame, 0x3ff, 0x0b),
    check: (frame) => {
      const status = decodeSetDeviceStatusRequest(frame)
      return status.ok === false ? status.reason : same("status", status.value, 0x0b)
    },
  },
  {
    name: "SET_DEVICE_STATUS response",
    hex: [
      "01 08 ff03 0000 0c00",
      "03000000", // FEATURES_OK was refused
    ],
    encode: (frame) => encodeSetDeviceStatusResponse(frame, 0x3ff, 3),
    check: (frame) => {
      const status = decodeSetDeviceStatusResponse(frame)
      return status.ok === false ? status.reason : same("status", status.value, 3)
    },
  },
  {
    name: "GET_SHM request",
    hex: [
      "00 0c 0300 0000 0c00",
      "05000000", // shmid
    ],
    encode: (frame) => encodeGetShmRequest(frame, 3, 5),
    check: (frame) => {
      const shmid = decodeGetShmRequest(frame)
      return shmid.ok === false ? shmid.reason : same("shmid", shmid.value, 5)
    },
  },
  {
    name: "GET_SHM response",
    hex: [
      "01 0c 0300 0000 2000",
      "05000000", // shmid
      "00000000", // reserved
      "0000000001000000", // length 0x1_0000_0000
      "0080ffff00000200", // address 0x0002_0000_ffff_8000
    ],
    encode: (frame) =>
      encodeGetShmResponse(frame, 3, {
        shmid: 5,
        length: { low: 0, high: 1 },
        address: { low: 0xffff8000, high: 0x20000 },
      }),
    check: (frame) => {
      const region = decodeGetShmResponse(frame)
      if (region.ok === false) return region.reason
      return (
        same("shmid", region.value.shmid, 5) +
        same("length low", region.value.length.low, 0) +
        same("length high", region.value.length.high, 1) +
        same("address low", region.value.address.low, 0xffff8000) +
        same("address high", region.value.address.high, 0x20000)
      )
    },
  },
]
