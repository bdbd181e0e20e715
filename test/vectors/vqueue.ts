// Golden vectors of the messages about virtqueues, and of the three events (virtio-msg "GET_VQUEUE" to "EVENT_USED").

import {
  decodeEventAvail,
  decodeEventConfig,
  decodeEventUsed,
  encodeEventAvail,
  encodeEventConfig,
  encodeEventUsed,
} from "../../shared-protocol/src/messages/events.js"
import {
  decodeGetVqueueRequest,
  decodeGetVqueueResponse,
  decodeResetVqueueRequest,
  decodeSetVqueueRequest,
  encodeGetVqueueRequest,
  encodeGetVqueueResponse,
  encodeResetVqueueRequest,
  encodeSetVqueueRequest,
  encodeVqueueEmptyResponse,
  type VqueueAddresses,
} from "../../shared-protocol/src/messages/vqueue.js"
import { checkHeader } from "./header.js"
import { type MessageVector, same, sameBytes } from "./vector.js"

const ADDRESSES: VqueueAddresses = {
  desc: { low: 0x0010, high: 0x10000 },
  driver: { low: 0x1010, high: 0x10000 },
  device: { low: 0xfedcba98, high: 0x20000 },
}

function checkAddresses(got: VqueueAddresses): string {
  return (
    same("desc low", got.desc.low, 0x10) +
    same("desc high", got.desc.high, 0x10000) +
    same("driver low", got.driver.low, 0x1010) +
    same("driver high", got.driver.high, 0x10000) +
    same("device low", got.device.low, 0xfedcba98) +
    same("device high", got.device.high, 0x20000)
  )
}

export const VQUEUE_VECTORS: readonly MessageVector[] = [
  {
    name: "GET_VQUEUE request",
    hex: [
      "00 09 0300 0000 0c00",
      "01000000", // index
    ],
    encode: (frame) => encodeGetVqueueRequest(frame, 3, 1),
    check: (frame) => {
      const index = decodeGetVqueueRequest(frame)
      return index.ok === false ? index.reason : same("index", index.value, 1)
    },
  },
  {
    name: "GET_VQUEUE response",
    hex: [
      "01 09 0300 0000 3000",
      "01000000", // index
      "00010000", // max_size 256
      "40000000", // cur_size 64
      "01000000", // flags: enabled
      "1000000000000100", // desc_addr: area 1, offset 0x0010
      "1010000000000100", // driver_addr: area 1, offset 0x1010
      "98badcfe00000200", // device_addr: area 2, lower half 0xfedcba98
    ],
    encode: (frame) =>
      encodeGetVqueueResponse(frame, 3, {
        index: 1,
        maxSize: 256,
        curSize: 64,
        flags: 1,
        desc: ADDRESSES.desc,
        driver: ADDRESSES.driver,
        device: ADDRESSES.device,
      }),
    check: (frame) => {
      const state = decodeGetVqueueResponse(frame)
      if (state.ok === false) return state.reason
      return (
        same("index", state.value.index, 1) +
        same("max_size", state.value.maxSize, 256) +
        same("cur_size", state.value.curSize, 64) +
        same("flags", state.value.flags, 1) +
        checkAddresses(state.value)
      )
    },
  },
  {
    name: "SET_VQUEUE request",
    hex: [
      "00 0a 0300 0000 3000",
      "01000000", // index
      "21000000", // flags: enable, device_ignore
      "40000000", // size 64
      "00000000", // reserved
      "1000000000000100", // desc
      "1010000000000100", // driver
      "98badcfe00000200", // device
    ],
    encode: (frame) =>
      encodeSetVqueueRequest(frame, 3, {
        index: 1,
        flags: 0x21,
        size: 64,
        reserved: 0,
        desc: ADDRESSES.desc,
        driver: ADDRESSES.driver,
        device: ADDRESSES.device,
      }),
    check: (frame) => {
      const setting = decodeSetVqueueRequest(frame)
      if (setting.ok === false) return setting.reason
      return (
        same("index", setting.value.index, 1) +
        same("flags", setting.value.flags, 0x21) +
        same("size", setting.value.size, 64) +
        same("reserved", setting.value.reserved, 0) +
        checkAddresses(setting.value)
      )
    },
  },
  {
    name: "SET_VQUEUE response",
    hex: ["01 0a 0300 0000 0800"],
    encode: (frame) => encodeVqueueEmptyResponse(frame, 3, 0x0a),
    check: (frame) => checkHeader(frame, 1, 0x0a, 3, 8),
  },
  {
    name: "RESET_VQUEUE request",
    hex: [
      "00 0b 0300 0000 0c00",
      "ffff0000", // index 65535
    ],
    encode: (frame) => encodeResetVqueueRequest(frame, 3, 65535),
    check: (frame) => {
      const index = decodeResetVqueueRequest(frame)
      return index.ok === false ? index.reason : same("index", index.value, 65535)
    },
  },
  {
    name: "RESET_VQUEUE response",
    hex: ["01 0b 0300 0000 0800"],
    encode: (frame) => encodeVqueueEmptyResponse(frame, 3, 0x0b),
    check: (frame) => checkHeader(frame, 1, 0x0b, 3, 8),
  },
  {
    name: "EVENT_CONFIG with data",
    hex: [
      "00 40 0300 0000 1a00",
      "0f000000", // device_status
      "09000000", // generation
      "06000000", // offset
      "02000000", // length
      "7778", // data
    ],
    encode: (frame) =>
      encodeEventConfig(frame, 3, {
        deviceStatus: 0x0f,
        generation: 9,
        offset: 6,
        length: 2,
        hasData: true,
        data: [0x77, 0x78],
        dataOffset: 0,
      }),
    check: (frame) => {
      const event = decodeEventConfig(frame)
      if (event.ok === false) return event.reason
      return (
        same("device_status", event.value.deviceStatus, 0x0f) +
        same("generation", event.value.generation, 9) +
        same("offset", event.value.offset, 6) +
        same("length", event.value.length, 2) +
        same("hasData", event.value.hasData ? 1 : 0, 1) +
        sameBytes("data", event.value.data, event.value.dataOffset, 2, "7778")
      )
    },
  },
  {
    name: "EVENT_CONFIG with a range but no data",
    hex: [
      "00 40 0300 0000 1800",
      "0f000000", // device_status
      "09000000", // generation
      "06000000", // offset
      "02000000", // length
    ],
    encode: (frame) =>
      encodeEventConfig(frame, 3, {
        deviceStatus: 0x0f,
        generation: 9,
        offset: 6,
        length: 2,
        hasData: false,
        data: [],
        dataOffset: 0,
      }),
    check: (frame) => {
      const event = decodeEventConfig(frame)
      if (event.ok === false) return event.reason
      return same("length", event.value.length, 2) + same("hasData", event.value.hasData ? 1 : 0, 0)
    },
  },
  {
    name: "EVENT_CONFIG of a status alone",
    hex: [
      "00 40 0300 0000 1800",
      "4f000000", // device_status with DEVICE_NEEDS_RESET
      "00000000", // generation
      "00000000", // offset
      "00000000", // length
    ],
    encode: (frame) =>
      encodeEventConfig(frame, 3, {
        deviceStatus: 0x4f,
        generation: 0,
        offset: 0,
        length: 0,
        hasData: true, // of a range of nothing, nothing follows
        data: [],
        dataOffset: 0,
      }),
    check: (frame) => {
      const event = decodeEventConfig(frame)
      if (event.ok === false) return event.reason
      return (
        same("device_status", event.value.deviceStatus, 0x4f) +
        same("length", event.value.length, 0) +
        same("hasData", event.value.hasData ? 1 : 0, 0)
      )
    },
  },
  {
    name: "EVENT_AVAIL",
    hex: [
      "00 41 0300 0000 1000",
      "01000000", // vq_index
      "05000080", // next_offset: next_off 5, next_wrap 1
    ],
    encode: (frame) => encodeEventAvail(frame, 3, { vqIndex: 1, nextOffset: 0x80000005 }),
    check: (frame) => {
      const event = decodeEventAvail(frame)
      if (event.ok === false) return event.reason
      return (
        same("vq_index", event.value.vqIndex, 1) + same("next_offset", event.value.nextOffset, 0x80000005)
      )
    },
  },
  {
    name: "EVENT_USED",
    hex: [
      "00 42 0300 0000 0c00",
      "01000000", // vq_index
    ],
    encode: (frame) => encodeEventUsed(frame, 3, 1),
    check: (frame) => {
      const index = decodeEventUsed(frame)
      return index.ok === false ? index.reason : same("vq_index", index.value, 1)
    },
  },
]
