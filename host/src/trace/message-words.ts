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
import type { Decoded } from "../../../shared-protocol/src/messages/header.js"
import { decodeHelloRequest, decodeHelloResponse } from "../../../shared-protocol/src/messages/hello.js"
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
import { windowAddress } from "./message-layouts.js"

type Words = (frame: Uint8Array, deviceId: number) => string

/** What a message without payload says. */
const nothing: Words = () => ""

/** By the message's name: the words for its request, or its event, and for its response. */
const WORDS: Readonly<Record<string, readonly [request: Words, response: Words]>> = {
  GET_DEVICE_INFO: [
    nothing,
    said(
      (frame) => decodeGetDeviceInfoResponse(frame, new Uint8Array(UUID_SIZE)),
      (info) =>
        [
          `${deviceTypeName(info.deviceId)} (${info.deviceId})`,
          counted(info.numFeatureBlocks, "feature block"),
          `${counted(info.configSize, "byte")} of configuration`,
          counted(info.maxVirtqueues, "virtqueue"),
        ].join(", "),
    ),
  ],
  GET_DEVICE_FEATURES: [
    said(decodeGetDeviceFeaturesRequest, (range) => blocks(range.blockIndex, range.numBlocks)),
    said(decodeGetDeviceFeaturesResponse, featureNames),
  ],
  SET_DRIVER_FEATURES: [said(decodeSetDriverFeaturesRequest, featureNames), nothing],
  GET_CONFIG: [
    said(decodeGetConfigRequest, (range) => `${counted(range.length, "byte")} at ${range.offset}`),
    said(decodeGetConfigResponse, configuration),
  ],
  SET_CONFIG: [
    said(decodeSetConfigRequest, configuration),
    said(decodeSetConfigResponse, (config) => (config.length ? configuration(config) : "not applied")),
  ],
  GET_DEVICE_STATUS: [nothing, said(decodeGetDeviceStatusResponse, statusName)],
  SET_DEVICE_STATUS: [
    said(decodeSetDeviceStatusRequest, statusName),
    said(decodeSetDeviceStatusResponse, statusName),
  ],
  GET_VQUEUE: [
    said(decodeGetVqueueRequest, queue),
    said(decodeGetVqueueResponse, (state) =>
      state.maxSize === 0
        ? `${queue(state.index)}: there is none`
        : `${queue(state.index)}: at most ${counted(state.maxSize, "descriptor")}, ` +
          `${state.flags & VQUEUE_ENABLED ? `enabled with ${state.curSize}` : "not enabled"}`,
    ),
  ],
  SET_VQUEUE: [
    said(
      decodeSetVqueueRequest,
      (setting) =>
        `${queue(setting.index)}: ${counted(setting.size, "descriptor")}, table at ${address(setting.desc)}, ` +
        `available ring at ${address(setting.driver)}, used ring at ${address(setting.device)}` +
        ((setting.flags & 3) === VQUEUE_ENABLE ? ", enable" : ""),
    ),
    nothing,
  ],
  RESET_VQUEUE: [said(decodeResetVqueueRequest, queue), nothing],
  GET_SHM: [
    said(decodeGetShmRequest, (shmid) => `region ${shmid}`),
    said(decodeGetShmResponse, (region) =>
      region.length.low || region.length.high
        ? `region ${region.shmid} at ${address(region.address)}`
        : `region ${region.shmid}: there is none`,
    ),
  ],
  EVENT_CONFIG: [said(decodeEventConfig, (event) => `status ${statusName(event.deviceStatus)}`), nothing],
  EVENT_AVAIL: [said(decodeEventAvail, (event) => queue(event.vqIndex)), nothing],
  EVENT_USED: [said(decodeEventUsed, queue), nothing],
  GET_DEVICES: [
    said(
      decodeGetDevicesRequest,
      (window) => `numbers ${window.offset} to ${window.offset + window.count - 1}`,
    ),
    said(decodeGetDevicesResponse, (bitmap) =>
      bitmap.deviceNumbers.length
        ? `device ${bitmap.deviceNumbers.join(", ")}${bitmap.nextOffset ? `; more from ${bitmap.nextOffset}` : ""}`
        : "no device",
    ),
  ],
  PING: [said(decodePingRequest, (data) => hex(data)), said(decodePingResponse, (data) => hex(data))],
  EVENT_DEVICE: [
    said(
      decodeEventDevice,
      (event) =>
        `device ${event.deviceNumber} ${["", "ADDED", "REMOVED"][event.busState] ?? hex(event.busState)}`,
    ),
    nothing,
  ],
  HELLO: [
    said(
      decodeHelloRequest,
      (hello) => `bus version ${hello.busVersion}, protocol ${hex(hello.protocolHash)}`,
    ),
    said(
      decodeHelloResponse,
      (hello) =>
        `revision ${hello.revision}, messages up to ${counted(hello.maxMessageSize, "byte")}, ` +
        `window ${hello.driverAreaSize} + ${counted(hello.deviceAreaSize, "byte")}, epoch ${hex(hello.epoch)}`,
    ),
  ],
}

/**
 * What the message in `frame` says, or why it is malformed. Its header is sound. With the virtio device type (34 for
 * I2C) of the message's device, feature bits of this type have names.
 */
export function messageWords(
  name: string | undefined,
  isResponse: boolean,
  frame: Uint8Array,
  deviceId: number,
): string {
  const words = WORDS[name ?? ""]
  return words?.[isResponse ? 1 : 0](frame, deviceId) ?? ""
}

/** What a frame says that `decode` reads, or why it is malformed. */
function said<T>(
  decode: (frame: Uint8Array) => Decoded<T>,
  words: (value: T, deviceId: number) => string,
): Words {
  return (frame, deviceId) => {
    const decoded = decode(frame)
    return decoded.ok ? words(decoded.value, deviceId) : `malformed: ${decoded.reason}`
  }
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

function address({ low, high }: Address): string {
  return windowAddress(low, high)
}
