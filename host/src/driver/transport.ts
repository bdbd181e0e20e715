// The transport's requests to one device, each as a call: encodes, sends, decodes, and checks that the answer
// is about what was asked (virtio-msg "Transport Messages", D34). It keeps no state of the device.

import {
  CONFIG_BASE_SIZE,
  type ConfigData,
  decodeGetConfigResponse,
  decodeSetConfigResponse,
  encodeGetConfigRequest,
  encodeSetConfigRequest,
  GET_CONFIG_REQUEST_SIZE,
} from "../../../shared-protocol/src/messages/config.js"
import {
  type DeviceInfo,
  decodeGetDeviceInfoResponse,
  encodeGetDeviceInfoRequest,
  GET_DEVICE_INFO_REQUEST_SIZE,
  UUID_SIZE,
} from "../../../shared-protocol/src/messages/device-info.js"
import { EVENT_AVAIL_SIZE, encodeEventAvail } from "../../../shared-protocol/src/messages/events.js"
import {
  decodeGetDeviceFeaturesResponse,
  encodeGetDeviceFeaturesRequest,
  encodeSetDriverFeaturesRequest,
  FEATURES_BASE_SIZE,
  GET_DEVICE_FEATURES_REQUEST_SIZE,
  maxFeatureBlocks,
} from "../../../shared-protocol/src/messages/features.js"
import type { Decoded } from "../../../shared-protocol/src/messages/header.js"
import {
  decodeGetDeviceStatusResponse,
  decodeSetDeviceStatusResponse,
  encodeGetDeviceStatusRequest,
  encodeSetDeviceStatusRequest,
  GET_DEVICE_STATUS_REQUEST_SIZE,
  STATUS_SIZE,
} from "../../../shared-protocol/src/messages/status.js"
import {
  decodeGetVqueueResponse,
  encodeGetVqueueRequest,
  encodeSetVqueueRequest,
  SET_VQUEUE_REQUEST_SIZE,
  VQUEUE_INDEX_REQUEST_SIZE,
  type VqueueSetting,
  type VqueueState,
} from "../../../shared-protocol/src/messages/vqueue.js"
import type { Bus } from "../bus/bus.js"
import { counted } from "../counted.js"
import type { VirtioMsgError } from "../errors.js"
import { notAsSpecified } from "./failures.js"

/** Every method rejects with PROTOCOL for an answer that makes no sense, else as `Bus.request`. */
export class Transport {
  readonly bus: Bus
  readonly devNum: number

  constructor(bus: Bus, devNum: number) {
    this.bus = bus
    this.devNum = devNum
  }

  async getDeviceInfo(): Promise<DeviceInfo> {
    const request = new Uint8Array(GET_DEVICE_INFO_REQUEST_SIZE)
    encodeGetDeviceInfoRequest(request, this.devNum)
    return this.#decoded(
      decodeGetDeviceInfoResponse(await this.bus.request(request), new Uint8Array(UUID_SIZE)),
    )
  }

  async getDeviceStatus(): Promise<number> {
    const request = new Uint8Array(GET_DEVICE_STATUS_REQUEST_SIZE)
    encodeGetDeviceStatusRequest(request, this.devNum)
    return this.#decoded(decodeGetDeviceStatusResponse(await this.bus.request(request)))
  }

  /** Resolves with the status that resulted. */
  async setDeviceStatus(status: number): Promise<number> {
    const request = new Uint8Array(STATUS_SIZE)
    encodeSetDeviceStatusRequest(request, this.devNum, status)
    return this.#decoded(decodeSetDeviceStatusResponse(await this.bus.request(request)))
  }

  /** The first `blocks` feature blocks, in as many messages as it takes. */
  async getDeviceFeatures(blocks: number): Promise<number[]> {
    const most = maxFeatureBlocks(this.bus.hello.maxMessageSize)
    const features: number[] = []
    while (features.length < blocks) {
      const range = { blockIndex: features.length, numBlocks: Math.min(most, blocks - features.length) }
      const request = new Uint8Array(GET_DEVICE_FEATURES_REQUEST_SIZE)
      encodeGetDeviceFeaturesRequest(request, this.devNum, range)
      const answer = this.#decoded(decodeGetDeviceFeaturesResponse(await this.bus.request(request)))
      if (answer.blockIndex !== range.blockIndex || answer.numBlocks !== range.numBlocks)
        throw this.nonsense(`asked for ${range.numBlocks} feature blocks, it answers ${answer.numBlocks}`)
      features.push(...answer.features)
    }
    return features
  }

  /** Writes the feature blocks from the first on. */
  async setDriverFeatures(features: readonly number[]): Promise<void> {
    const most = maxFeatureBlocks(this.bus.hello.maxMessageSize)
    for (let blockIndex = 0; blockIndex < features.length; blockIndex += most) {
      const part = features.slice(blockIndex, blockIndex + most)
      const request = new Uint8Array(FEATURES_BASE_SIZE + 4 * part.length)
      encodeSetDriverFeaturesRequest(request, this.devNum, {
        blockIndex,
        numBlocks: part.length,
        features: part,
      })
      await this.bus.request(request)
    }
  }

  /** At most `maxConfigLength` bytes; the range is not checked against the configuration space. */
  async getConfig(offset: number, length: number): Promise<ConfigData> {
    const request = new Uint8Array(GET_CONFIG_REQUEST_SIZE)
    encodeGetConfigRequest(request, this.devNum, { offset, length })
    const config = this.#decoded(decodeGetConfigResponse(await this.bus.request(request)))
    if (config.offset !== offset || config.length !== length)
      throw this.nonsense(
        `asked for ${counted(length, "byte")} of configuration, it answers ${config.length}`,
      )
    return config
  }

  /** Resolves with the device's answer: its generation, and length 0 if it applied nothing (D42). */
  async setConfig(generation: number, offset: number, data: Uint8Array): Promise<ConfigData> {
    const request = new Uint8Array(CONFIG_BASE_SIZE + data.length)
    encodeSetConfigRequest(request, this.devNum, {
      generation,
      offset,
      length: data.length,
      data,
      dataOffset: 0,
    })
    const answer = this.#decoded(decodeSetConfigResponse(await this.bus.request(request)))
    if (answer.length !== 0 && answer.length !== data.length)
      throw this.nonsense(`it applied ${answer.length} of ${counted(data.length, "byte")} of configuration`)
    return answer
  }

  /** The most bytes of configuration that a message carries. */
  get maxConfigLength(): number {
    return this.bus.hello.maxMessageSize - CONFIG_BASE_SIZE
  }

  async getVqueue(index: number): Promise<VqueueState> {
    const request = new Uint8Array(VQUEUE_INDEX_REQUEST_SIZE)
    encodeGetVqueueRequest(request, this.devNum, index)
    const state = this.#decoded(decodeGetVqueueResponse(await this.bus.request(request)))
    if (state.index !== index) throw this.nonsense(`asked for queue ${index}, it answers ${state.index}`)
    return state
  }

  /** The answer is empty whether or not anything changed: ask with `getVqueue` (D55). */
  async setVqueue(setting: VqueueSetting): Promise<void> {
    const request = new Uint8Array(SET_VQUEUE_REQUEST_SIZE)
    encodeSetVqueueRequest(request, this.devNum, setting)
    await this.bus.request(request)
  }

  /** EVENT_AVAIL: queue `vqIndex` has new chains (D31, D58, D59). */
  eventAvail(vqIndex: number): void {
    const frame = new Uint8Array(EVENT_AVAIL_SIZE)
    encodeEventAvail(frame, this.devNum, { vqIndex, nextOffset: 0 })
    this.bus.event(frame)
  }

  /** The error for a device that does not follow the specification. */
  nonsense(what: string): VirtioMsgError {
    return notAsSpecified(`Device ${this.devNum}: ${what}.`)
  }

  #decoded<T>(decoded: Decoded<T>): T {
    if (decoded.ok) return decoded.value
    throw this.nonsense(decoded.reason)
  }
}
