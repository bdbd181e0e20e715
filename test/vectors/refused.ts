// Bytes that are no message of ours, and the reason each gets: malformed ones, and those of earlier drafts of the text
// (6-byte headers, a shorter GET_DEVICE_INFO, frames of 40 bytes).

import type { ByteBuf } from "../../shared-protocol/src/bytes.js"
import {
  decodeEventDevice,
  decodeGetDevicesRequest,
  decodeGetDevicesResponse,
  decodePingRequest,
  decodePingResponse,
} from "../../shared-protocol/src/messages/bus.js"
import {
  decodeGetConfigRequest,
  decodeGetConfigResponse,
  decodeSetConfigRequest,
  decodeSetConfigResponse,
} from "../../shared-protocol/src/messages/config.js"
import { decodeGetDeviceInfoResponse } from "../../shared-protocol/src/messages/device-info.js"
import {
  decodeEventAvail,
  decodeEventConfig,
  decodeEventUsed,
} from "../../shared-protocol/src/messages/events.js"
import {
  decodeGetDeviceFeaturesRequest,
  decodeGetDeviceFeaturesResponse,
  decodeSetDriverFeaturesRequest,
} from "../../shared-protocol/src/messages/features.js"
import { type Decoded, decodeHeader } from "../../shared-protocol/src/messages/header.js"
import { decodeHelloRequest, decodeHelloResponse } from "../../shared-protocol/src/messages/hello.js"
import { decodeGetShmRequest, decodeGetShmResponse } from "../../shared-protocol/src/messages/shm.js"
import {
  decodeGetDeviceStatusResponse,
  decodeSetDeviceStatusRequest,
} from "../../shared-protocol/src/messages/status.js"
import {
  decodeGetVqueueRequest,
  decodeGetVqueueResponse,
  decodeSetVqueueRequest,
} from "../../shared-protocol/src/messages/vqueue.js"
import type { RefusedVector } from "./vector.js"

function reasonOf<T>(result: Decoded<T>): string {
  return result.ok === false ? result.reason : "accepted"
}

function refuseDeviceInfo(frame: ByteBuf): string {
  return reasonOf(decodeGetDeviceInfoResponse(frame, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
}

const ZEROS_32 = "0000000000000000000000000000000000000000000000000000000000000000"

export const REFUSED_VECTORS: readonly RefusedVector[] = [
  {
    name: "no bytes at all",
    hex: [],
    refuse: (frame) => reasonOf(decodeHeader(frame)),
    reason: "length 0 is too short for a header of 8",
  },
  {
    name: "a header cut off",
    hex: ["00 07 0300 0000 08"],
    refuse: (frame) => reasonOf(decodeHeader(frame)),
    reason: "length 7 is too short for a header of 8",
  },
  {
    name: "msg_size below the header",
    hex: ["00 07 0300 0000 0700"],
    refuse: (frame) => reasonOf(decodeHeader(frame)),
    reason: "msg_size 7 is below the header's 8 bytes",
  },
  {
    name: "msg_size beyond the bytes received",
    hex: ["00 08 0300 0000 0d00", "01000000"],
    refuse: (frame) => reasonOf(decodeSetDeviceStatusRequest(frame)),
    reason: "msg_size 13 is more than what was received, 12",
  },
  {
    name: "the largest msg_size",
    hex: ["00 08 0300 0000 ffff", "01000000"],
    refuse: (frame) => reasonOf(decodeSetDeviceStatusRequest(frame)),
    reason: "msg_size 65535 is more than what was received, 12",
  },
  {
    name: "a response where a request is expected",
    hex: ["01 08 0300 0000 0c00", "01000000"],
    refuse: (frame) => reasonOf(decodeSetDeviceStatusRequest(frame)),
    reason: "type 1 where 0 is expected",
  },
  {
    name: "a transport message where a bus message is expected",
    hex: ["00 03 0000 0000 0c00", "01000000"],
    refuse: (frame) => reasonOf(decodePingRequest(frame)),
    reason: "type 0 where 2 is expected",
  },
  {
    name: "another msg_id",
    hex: ["01 08 0300 0000 0c00", "01000000"],
    refuse: (frame) => reasonOf(decodeGetDeviceStatusResponse(frame)),
    reason: "msg_id 8 where 7 is expected",
  },
  {
    name: "an event whose type says response (G1)",
    hex: ["01 42 0300 0000 0c00", "00000000"],
    refuse: (frame) => reasonOf(decodeEventUsed(frame)),
    reason: "type 1 where 0 is expected",
  },
  {
    name: "a short GET_DEVICE_FEATURES request",
    hex: ["00 03 0300 0000 0c00", "00000000"],
    refuse: (frame) => reasonOf(decodeGetDeviceFeaturesRequest(frame)),
    reason: "msg_size 12 is below the 16 bytes of this message",
  },
  {
    name: "more feature blocks than the message holds",
    hex: ["00 04 0300 0000 1400", "00000000", "02000000", "01000000"],
    refuse: (frame) => reasonOf(decodeSetDriverFeaturesRequest(frame)),
    reason: "num_blocks 2 is more than the 1 in the message",
  },
  {
    name: "four thousand million feature blocks",
    hex: ["01 03 0300 0000 1000", "00000000", "ffffffff"],
    refuse: (frame) => reasonOf(decodeGetDeviceFeaturesResponse(frame)),
    reason: "num_blocks 4294967295 is more than the 0 in the message",
  },
  {
    name: "a short GET_CONFIG request",
    hex: ["00 05 0300 0000 0f00", "00000000000000"],
    refuse: (frame) => reasonOf(decodeGetConfigRequest(frame)),
    reason: "msg_size 15 is below the 16 bytes of this message",
  },
  {
    name: "a GET_CONFIG response with less data than it says",
    hex: ["01 05 0300 0000 1600", "00000000", "00000000", "03000000", "a1a2"],
    refuse: (frame) => reasonOf(decodeGetConfigResponse(frame)),
    reason: "length 3 is more than what is in the message, 2",
  },
  {
    name: "a SET_CONFIG request of nearly 4 GiB",
    hex: ["00 06 0300 0000 1400", "00000000", "00000000", "f8ffffff"],
    refuse: (frame) => reasonOf(decodeSetConfigRequest(frame)),
    reason: "length 4294967288 is more than what is in the message, 0",
  },
  {
    name: "a SET_CONFIG response without its length field",
    hex: ["01 06 0300 0000 1000", "00000000", "00000000"],
    refuse: (frame) => reasonOf(decodeSetConfigResponse(frame)),
    reason: "msg_size 16 is below the 20 bytes of this message",
  },
  {
    name: "a GET_VQUEUE request without an index",
    hex: ["00 09 0300 0000 0800"],
    refuse: (frame) => reasonOf(decodeGetVqueueRequest(frame)),
    reason: "msg_size 8 is below the 12 bytes of this message",
  },
  {
    name: "a GET_SHM request of half an index",
    hex: ["00 0c 0300 0000 0a00", "0000"],
    refuse: (frame) => reasonOf(decodeGetShmRequest(frame)),
    reason: "msg_size 10 is below the 12 bytes of this message",
  },
  {
    name: "an EVENT_CONFIG with half its data",
    hex: ["00 40 0300 0000 1a00", "0f000000", "00000000", "00000000", "04000000", "7778"],
    refuse: (frame) => reasonOf(decodeEventConfig(frame)),
    reason: "data of length 2 for a range of 4",
  },
  {
    name: "a short EVENT_AVAIL",
    hex: ["00 41 0300 0000 0c00", "00000000"],
    refuse: (frame) => reasonOf(decodeEventAvail(frame)),
    reason: "msg_size 12 is below the 16 bytes of this message",
  },
  {
    name: "a GET_DEVICES response with a bitmap too short",
    hex: ["03 02 0000 0000 0f00", "0000", "0000", "0900", "ff"],
    refuse: (frame) => reasonOf(decodeGetDevicesResponse(frame)),
    reason: "a count of 9 in a bitmap of length 1",
  },
  {
    name: "a short EVENT_DEVICE",
    hex: ["02 40 0000 0000 0a00", "0700"],
    refuse: (frame) => reasonOf(decodeEventDevice(frame)),
    reason: "msg_size 10 is below the 12 bytes of this message",
  },
  {
    name: "a short PING response",
    hex: ["03 03 0000 0000 0b00", "000000"],
    refuse: (frame) => reasonOf(decodePingResponse(frame)),
    reason: "msg_size 11 is below the 12 bytes of this message",
  },
  {
    name: "a HELLO response without a board",
    hex: ["03 80 0000 0000 2800", ZEROS_32],
    refuse: (frame) => reasonOf(decodeHelloResponse(frame)),
    reason: "msg_size 40 is below the 68 bytes of this message",
  },
  {
    name: "a PING where HELLO is expected",
    hex: ["02 03 0000 0000 1000", "0000000000000000"],
    refuse: (frame) => reasonOf(decodeHelloRequest(frame)),
    reason: "msg_id 3 where 128 is expected",
  },
  {
    name: "rfc2: GET_DEVICE_INFO with its header of 6 bytes",
    hex: ["00 02 0300 0600"], // type, msg_id, dev_num, msg_size
    refuse: (frame) => reasonOf(decodeHeader(frame)),
    reason: "length 6 is too short for a header of 8",
  },
  {
    name: "rfc2: SET_DEVICE_STATUS with its header of 6 bytes",
    hex: ["00 08 0300 0a00", "01000000"], // type, msg_id, dev_num, msg_size; status 1
    refuse: (frame) => reasonOf(decodeSetDeviceStatusRequest(frame)),
    reason: "msg_size 1 is below the header's 8 bytes",
  },
  {
    name: "rfc2: GET_DEVICES with its header of 6 bytes",
    hex: ["02 02 0000 0a00", "0000", "0001"], // ...; offset 0, count 256
    refuse: (frame) => reasonOf(decodeGetDevicesRequest(frame)),
    reason: "msg_size 0 is below the header's 8 bytes",
  },
  {
    name: "rfc2: SET_VQUEUE of 36 bytes behind a header of 6",
    hex: [
      "00 0a 0300 2a00", // type, msg_id, dev_num, msg_size 42
      "00000000", // index
      "00000000", // reserved
      "40000000", // size
      "0000000001000000 0010000001000000 0020000001000000", // three addresses
    ],
    refuse: (frame) => reasonOf(decodeSetVqueueRequest(frame)),
    reason: "msg_size 0 is below the header's 8 bytes",
  },
  {
    name: "rfc3: GET_DEVICE_INFO response of 24 bytes",
    hex: [
      "01 02 0300 0000 2000",
      "22000000", // device_id
      "564d5347", // vendor_id
      "40000000", // num_feature_bits
      "00000000", // config_size
      "01000000", // max_virtqueues
      "0000 0000", // admin_vq_start_idx, admin_vq_count
    ],
    refuse: refuseDeviceInfo,
    reason: "msg_size 32 is below the 52 bytes of this message",
  },
  {
    name: "rfc3: GET_VQUEUE response of 36 bytes",
    hex: [
      "01 09 0300 0000 2c00",
      "00000000 00010000 40000000", // index, max_size, cur_size
      "0000000001000000 0010000001000000 0020000001000000", // three addresses
    ],
    refuse: (frame) => reasonOf(decodeGetVqueueResponse(frame)),
    reason: "msg_size 44 is below the 48 bytes of this message",
  },
  {
    name: "rfc3: GET_SHM response of 32-bit numbers",
    hex: ["01 0c 0300 0000 1400", "00000000", "00100000", "00000000"],
    refuse: (frame) => reasonOf(decodeGetShmResponse(frame)),
    reason: "msg_size 20 is below the 32 bytes of this message",
  },
  {
    name: "alpha: device information in a frame of 40 bytes",
    hex: ["00 03 0300", ZEROS_32, "00000000"], // type, id, dev_id; 36 bytes of payload
    refuse: (frame) => reasonOf(decodeGetDeviceFeaturesRequest(frame)),
    reason: "msg_size 0 is below the header's 8 bytes",
  },
  {
    name: "alpha: a used event in a frame of 40 bytes",
    hex: ["00 12 0300", "01000000", ZEROS_32], // index 1 reads as token 1, msg_size 0
    refuse: (frame) => reasonOf(decodeEventUsed(frame)),
    reason: "msg_size 0 is below the header's 8 bytes",
  },
]
