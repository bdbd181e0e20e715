// One line of words for each virtio-msg message, for people.

import {
  decodeEventDevice,
  decodeGetDevicesRequest,
  decodeGetDevicesResponse,
  decodePingRequest,
  decodePingResponse,
} from "../../../shared-protocol/src/messages/bus.js"
import {
  decodeGetConfigRequest,
  decodeGetConfigResponse,
  decodeSetConfigRequest,
  decodeSetConfigResponse,
} from "../../../shared-protocol/src/messages/config.js"
import { decodeGetDeviceInfoResponse, UUID_SIZE } from "../../../shared-protocol/src/messages/device-info.js"
import {
  decodeEventAvail,
  decodeEventConfig,
  decodeEventUsed,
} from "../../../shared-protocol/src/messages/events.js"
import {
  decodeGetDeviceFeaturesRequest,
  decodeGetDeviceFeaturesResponse,
  decodeSetDriverFeaturesRequest,
} from "../../../shared-protocol/src/messages/features.js"
import {
  type Decoded,
  type Header,
  TYPE_BUS,
  TYPE_RESPONSE,
} from "../../../shared-protocol/src/messages/header.js"
import { decodeHelloRequest, decodeHelloResponse } from "../../../shared-protocol/src/messages/hello.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import { decodeGetShmRequest, decodeGetShmResponse } from "../../../shared-protocol/src/messages/shm.js"
import {
  decodeGetDeviceStatusResponse,
  decodeSetDeviceStatusRequest,
  decodeSetDeviceStatusResponse,
} from "../../../shared-protocol/src/messages/status.js"
import {
  type Address,
  decodeGetVqueueRequest,
  decodeGetVqueueResponse,
  decodeResetVqueueRequest,
  decodeSetVqueueRequest,
  VQUEUE_ENABLE,
  VQUEUE_ENABLED,
} from "../../../shared-protocol/src/messages/vqueue.js"
import { counted } from "../counted.js"
import { deviceTypeName, featureBits, featureName, statusName } from "../driver/names.js"
import { hex } from "../hex.js"

type Words = (frame: Uint8Array, deviceId: number) => string

/** What a message without payload says. */
const nothing: Words = () => ""

const TRANSPORT: readonly [id: number, request: Words, response: Words][] = [
  [
    ids.GET_DEVICE_INFO,
    nothing,
    (frame) =>
      say(decodeGetDeviceInfoResponse(frame, new Uint8Array(UUID_SIZE)), (info) =>
        [
          `${deviceTypeName(info.deviceId)} (${info.deviceId})`,
          counted(info.numFeatureBlocks, "feature block"),
          `${counted(info.configSize, "byte")} of configuration`,
          counted(info.maxVirtqueues, "virtqueue"),
        ].join(", "),
      ),
  ],
  [
    ids.GET_DEVICE_FEATURES,
    (frame) =>
      say(decodeGetDeviceFeaturesRequest(frame), (range) => blocks(range.blockIndex, range.numBlocks)),
    (frame, deviceId) =>
      say(decodeGetDeviceFeaturesResponse(frame), (range) => featureNames(range, deviceId)),
  ],
  [
    ids.SET_DRIVER_FEATURES,
    (frame, deviceId) => say(decodeSetDriverFeaturesRequest(frame), (range) => featureNames(range, deviceId)),
    nothing,
  ],
  [
    ids.GET_CONFIG,
    (frame) =>
      say(decodeGetConfigRequest(frame), (range) => `${counted(range.length, "byte")} at ${range.offset}`),
    (frame) => say(decodeGetConfigResponse(frame), configuration),
  ],
  [
    ids.SET_CONFIG,
    (frame) => say(decodeSetConfigRequest(frame), configuration),
    (frame) =>
      say(decodeSetConfigResponse(frame), (config) =>
        config.length ? configuration(config) : "not applied",
      ),
  ],
  [ids.GET_DEVICE_STATUS, nothing, (frame) => say(decodeGetDeviceStatusResponse(frame), statusName)],
  [
    ids.SET_DEVICE_STATUS,
    (frame) => say(decodeSetDeviceStatusRequest(frame), statusName),
    (frame) => say(decodeSetDeviceStatusResponse(frame), statusName),
  ],
  [
    ids.GET_VQUEUE,
    (frame) => say(decodeGetVqueueRequest(frame), queue),
    (frame) =>
      say(decodeGetVqueueResponse(frame), (state) =>
        state.maxSize === 0
          ? `${queue(state.index)}: there is none`
          : `${queue(state.index)}: at most ${counted(state.maxSize, "descriptor")}, ` +
            `${state.flags & VQUEUE_ENABLED ? `enabled with ${state.curSize}` : "not enabled"}`,
      ),
  ],
  [
    ids.SET_VQUEUE,
    (frame) =>
      say(
        decodeSetVqueueRequest(frame),
        (setting) =>
          `${queue(setting.index)}: ${counted(setting.size, "descriptor")}, table at ${address(setting.desc)}, ` +
          `available ring at ${address(setting.driver)}, used ring at ${address(setting.device)}` +
          ((setting.flags & 3) === VQUEUE_ENABLE ? ", enable" : ""),
      ),
    nothing,
  ],
  [ids.RESET_VQUEUE, (frame) => say(decodeResetVqueueRequest(frame), queue), nothing],
  [
    ids.GET_SHM,
    (frame) => say(decodeGetShmRequest(frame), (shmid) => `region ${shmid}`),
    (frame) =>
      say(decodeGetShmResponse(frame), (region) =>
        region.length.low || region.length.high
          ? `region ${region.shmid} at ${address(region.address)}`
          : `region ${region.shmid}: there is none`,
      ),
  ],
  [
    ids.EVENT_CONFIG,
    (frame) => say(decodeEventConfig(frame), (event) => `status ${statusName(event.deviceStatus)}`),
    nothing,
  ],
  [ids.EVENT_AVAIL, (frame) => say(decodeEventAvail(frame), (event) => queue(event.vqIndex)), nothing],
  [ids.EVENT_USED, (frame) => say(decodeEventUsed(frame), queue), nothing],
]

const BUS: readonly [id: number, request: Words, response: Words][] = [
  [
    ids.GET_DEVICES,
    (frame) =>
      say(
        decodeGetDevicesRequest(frame),
        (window) => `numbers ${window.offset} to ${window.offset + window.count - 1}`,
      ),
    (frame) =>
      say(decodeGetDevicesResponse(frame), (bitmap) =>
        bitmap.deviceNumbers.length
          ? `device ${bitmap.deviceNumbers.join(", ")}${bitmap.nextOffset ? `; more from ${bitmap.nextOffset}` : ""}`
          : "no device",
      ),
  ],
  [ids.PING, (frame) => say(decodePingRequest(frame), hex), (frame) => say(decodePingResponse(frame), hex)],
  [
    ids.EVENT_DEVICE,
    (frame) =>
      say(
        decodeEventDevice(frame),
        (event) =>
          `device ${event.deviceNumber} ${["", "ADDED", "REMOVED"][event.busState] ?? hex(event.busState)}`,
      ),
    nothing,
  ],
  [
    ids.HELLO,
    (frame) =>
      say(
        decodeHelloRequest(frame),
        (hello) => `bus version ${hello.busVersion}, protocol ${hex(hello.protocolHash)}`,
      ),
    (frame) =>
      say(
        decodeHelloResponse(frame),
        (hello) =>
          `revision ${hello.revision}, messages up to ${counted(hello.maxMessageSize, "byte")}, ` +
          `window ${hello.driverAreaSize} + ${counted(hello.deviceAreaSize, "byte")}, epoch ${hex(hello.epoch)}`,
      ),
  ],
]

/**
 * What the message in `frame` says, or why it is malformed. Its header is sound. With the virtio device type (34 for
 * I2C) of the message's device, feature bits of this type have names.
 */
export function messageWords(header: Header, frame: Uint8Array, deviceId: number): string {
  const table = header.type & TYPE_BUS ? BUS : TRANSPORT
  const [, request, response] = table.find(([id]) => id === header.msgId) ?? [0, nothing, nothing]
  return (header.type & TYPE_RESPONSE ? response : request)(frame, deviceId)
}

function say<T>(decoded: Decoded<T>, words: (value: T) => string): string {
  return decoded.ok ? words(decoded.value) : `malformed: ${decoded.reason}`
}

function featureNames(range: { blockIndex: number; features: readonly number[] }, deviceId: number): string {
  const blocksBefore = new Array<number>(Math.min(range.blockIndex, 64)).fill(0)
  const names = featureBits([...blocksBefore, ...range.features]).map((bit) => featureName(deviceId, bit))
  return names.length ? names.join(", ") : "none"
}

function configuration(config: { offset: number; length: number; generation: number }): string {
  return `${counted(config.length, "byte")} at ${config.offset}, generation ${config.generation}`
}

function blocks(first: number, length: number): string {
  return length === 1 ? `block ${first}` : `blocks ${first} to ${first + length - 1}`
}

function queue(index: number): string {
  return `queue ${index}`
}

/** Area and offset in the shared window. */
function address(value: Address): string {
  return `${value.high >>> 16}:${hex(value.low, 4)}`
}
