// Golden vectors of the bus's own messages (virtio-msg "Bus Messages") and of HELLO (docs/bus.md).

import {
  decodeEventDevice,
  decodeGetDevicesRequest,
  decodeGetDevicesResponse,
  decodePingRequest,
  decodePingResponse,
  encodeEventDevice,
  encodeGetDevicesRequest,
  encodeGetDevicesResponse,
  encodePingRequest,
  encodePingResponse,
} from "../../shared-protocol/src/messages/bus.js"
import { getToken, putToken } from "../../shared-protocol/src/messages/header.js"
import {
  decodeHelloRequest,
  decodeHelloResponse,
  encodeHelloRequest,
  encodeHelloResponse,
} from "../../shared-protocol/src/messages/hello.js"
import { type MessageVector, same } from "./vector.js"

export const BUS_VECTORS: readonly MessageVector[] = [
  {
    name: "GET_DEVICES request",
    hex: [
      "02 02 0000 0000 0c00",
      "0001", // offset 256
      "0c00", // count 12
    ],
    encode: (frame) => encodeGetDevicesRequest(frame, { offset: 256, count: 12 }),
    check: (frame) => {
      const window = decodeGetDevicesRequest(frame)
      if (window.ok === false) return window.reason
      return same("offset", window.value.offset, 256) + same("count", window.value.count, 12)
    },
  },
  {
    name: "GET_DEVICES response",
    hex: [
      "03 02 0000 0000 1000",
      "0001", // offset 256
      "0c03", // next_offset 780
      "0c00", // count 12: two bytes of bitmap
      "8108", // bitmap, LSB first: numbers 256, 263 and 267
    ],
    encode: (frame) =>
      encodeGetDevicesResponse(frame, {
        offset: 256,
        nextOffset: 780,
        count: 12,
        deviceNumbers: [256, 263, 267],
      }),
    check: (frame) => {
      const bitmap = decodeGetDevicesResponse(frame)
      if (bitmap.ok === false) return bitmap.reason
      return (
        same("offset", bitmap.value.offset, 256) +
        same("next_offset", bitmap.value.nextOffset, 780) +
        same("count", bitmap.value.count, 12) +
        same("devices", bitmap.value.deviceNumbers.length, 3) +
        same("first", bitmap.value.deviceNumbers[0], 256) +
        same("second", bitmap.value.deviceNumbers[1], 263) +
        same("third", bitmap.value.deviceNumbers[2], 267)
      )
    },
  },
  {
    name: "GET_DEVICES response to a count of 0",
    hex: [
      "03 02 0000 0000 0e00",
      "0000", // offset
      "0000", // next_offset
      "0000", // count: no bitmap follows
    ],
    encode: (frame) =>
      encodeGetDevicesResponse(frame, { offset: 0, nextOffset: 0, count: 0, deviceNumbers: [] }),
    check: (frame) => {
      const bitmap = decodeGetDevicesResponse(frame)
      if (bitmap.ok === false) return bitmap.reason
      return same("count", bitmap.value.count, 0) + same("devices", bitmap.value.deviceNumbers.length, 0)
    },
  },
  {
    name: "PING request with a token",
    hex: [
      "02 03 0000 3412 0c00", // token 0x1234
      "0df0ad8b", // data 0x8badf00d
    ],
    encode: (frame) => {
      const size = encodePingRequest(frame, 0x8badf00d)
      putToken(frame, 0x1234)
      return size
    },
    check: (frame) => {
      const data = decodePingRequest(frame)
      if (data.ok === false) return data.reason
      return same("data", data.value, 0x8badf00d) + same("token", getToken(frame), 0x1234)
    },
  },
  {
    name: "PING response",
    hex: [
      "03 03 0000 0000 0c00",
      "0df0ad8b", // data, echoed
    ],
    encode: (frame) => encodePingResponse(frame, 0x8badf00d),
    check: (frame) => {
      const data = decodePingResponse(frame)
      return data.ok === false ? data.reason : same("data", data.value, 0x8badf00d)
    },
  },
  {
    name: "EVENT_DEVICE",
    hex: [
      "02 40 0000 0000 0c00",
      "0703", // device_number 775
      "0200", // device_bus_state: REMOVED
    ],
    encode: (frame) => encodeEventDevice(frame, { deviceNumber: 775, busState: 2 }),
    check: (frame) => {
      const event = decodeEventDevice(frame)
      if (event.ok === false) return event.reason
      return (
        same("device_number", event.value.deviceNumber, 775) +
        same("device_bus_state", event.value.busState, 2)
      )
    },
  },
  {
    name: "HELLO request",
    hex: [
      "02 80 0000 0000 1000",
      "78563412", // protocol_hash
      "0100", // bus_version
      "0000", // reserved
    ],
    encode: (frame) => encodeHelloRequest(frame, { protocolHash: 0x12345678, busVersion: 1 }),
    check: (frame) => {
      const hello = decodeHelloRequest(frame)
      if (hello.ok === false) return hello.reason
      return (
        same("protocol_hash", hello.value.protocolHash, 0x12345678) +
        same("bus_version", hello.value.busVersion, 1)
      )
    },
  },
  {
    name: "HELLO response",
    hex: [
      "03 80 0000 0000 4400",
      "efcdab89", // protocol_hash
      "0100", // bus_version
      "e400", // max_msg_size 228
      "01000000", // revision
      "01000000", // transport_features: strict configuration generation
      "0020", // driver_area_size 8192
      "0040", // device_area_size 16384
      "feca", // epoch
      "06", // receive_credit
      "01", // flags: simulated chips
      "02050900", // firmware_version 2.5.9
      "5069636f205700000000000000000000", // board "Pico W", zero-padded to 32 bytes
      "00000000000000000000000000000000",
    ],
    encode: (frame) =>
      encodeHelloResponse(frame, {
        protocolHash: 0x89abcdef,
        busVersion: 1,
        maxMessageSize: 228,
        revision: 1,
        transportFeatures: 1,
        driverAreaSize: 8192,
        deviceAreaSize: 16384,
        epoch: 0xcafe,
        receiveCredit: 6,
        hasSimulatedChips: true,
        firmwareVersion: [2, 5, 9, 0],
        board: "Pico W",
      }),
    check: (frame) => {
      const hello = decodeHelloResponse(frame)
      if (hello.ok === false) return hello.reason
      return (
        same("protocol_hash", hello.value.protocolHash, 0x89abcdef) +
        same("max_msg_size", hello.value.maxMessageSize, 228) +
        same("revision", hello.value.revision, 1) +
        same("transport_features", hello.value.transportFeatures, 1) +
        same("driver_area_size", hello.value.driverAreaSize, 8192) +
        same("device_area_size", hello.value.deviceAreaSize, 16384) +
        same("epoch", hello.value.epoch, 0xcafe) +
        same("receive_credit", hello.value.receiveCredit, 6) +
        same("simulated chips", hello.value.hasSimulatedChips ? 1 : 0, 1) +
        same("minor version", hello.value.firmwareVersion[1], 5) +
        (hello.value.board === "Pico W" ? "" : ` board "${hello.value.board}"`)
      )
    },
  },
]
