// The driver's side of one device: information, status, features, configuration, virtqueues, in the
// specification's order (virtio-msg "Driver Operation", D19 to D59; virtio 1.4 3.1.1).

import { TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION } from "../../../shared-protocol/src/device/bus-responder.js"
import {
  FEATURE_NOTIF_CONFIG_DATA_BLOCK1,
  FEATURE_VERSION_1_BLOCK1,
} from "../../../shared-protocol/src/device/device-type.js"
import {
  CONFIG_BASE_SIZE,
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
import {
  decodeEventConfig,
  decodeEventUsed,
  EVENT_AVAIL_SIZE,
  encodeEventAvail,
} from "../../../shared-protocol/src/messages/events.js"
import {
  decodeGetDeviceFeaturesResponse,
  encodeGetDeviceFeaturesRequest,
  encodeSetDriverFeaturesRequest,
  FEATURES_BASE_SIZE,
  GET_DEVICE_FEATURES_REQUEST_SIZE,
  maxFeatureBlocks,
} from "../../../shared-protocol/src/messages/features.js"
import { type Decoded, HEADER_SIZE } from "../../../shared-protocol/src/messages/header.js"
import { EVENT_CONFIG, EVENT_USED } from "../../../shared-protocol/src/messages/ids.js"
import {
  decodeGetDeviceStatusResponse,
  decodeSetDeviceStatusResponse,
  encodeGetDeviceStatusRequest,
  encodeSetDeviceStatusRequest,
  GET_DEVICE_STATUS_REQUEST_SIZE,
  STATUS_ACKNOWLEDGE,
  STATUS_DEVICE_NEEDS_RESET,
  STATUS_DRIVER,
  STATUS_DRIVER_OK,
  STATUS_FEATURES_OK,
  STATUS_SIZE,
} from "../../../shared-protocol/src/messages/status.js"
import type { Bus } from "../bus/bus.js"
import { toHex } from "../bytes.js"
import { delay } from "../clock.js"
import { Emitter } from "../emitter.js"
import { VirtioMsgError } from "../errors.js"
import { Virtqueue } from "./virtqueue.js"

/** How long a device may take to finish a reset, and how often to ask it. */
const RESET_TIMEOUT_MS = 2000
const RESET_POLL_MS = 10
/** More feature blocks than any device has; a device that claims more is not believed. */
const MAX_FEATURE_BLOCKS = 64
/** Reading a configuration that changes all the time is given up after so many tries (D-S1). */
const CONFIG_TRIES = 5

/** What a driver wants of a device. */
export interface DriverNeeds {
  /** Feature bits that the driver can use, in blocks of 32; it selects those that are offered. */
  readonly wanted: readonly number[]
  /** Those that it cannot do without. */
  readonly required: readonly number[]
  /** For each virtqueue the largest size that it has a use for, in descriptors, a power of two. */
  readonly queueSizes: readonly number[]
}

export class VirtioDevice {
  /** The device's used ring has news (EVENT_USED), for this queue. */
  readonly onUsed = new Emitter<[queueIndex: number]>()
  /** The device's configuration changed (EVENT_CONFIG). */
  readonly onConfigChange = new Emitter<[]>()
  /** The device cannot go on until it is initialised again. Called at most once after each `initialise`. */
  readonly onBroken = new Emitter<[error: VirtioMsgError]>()

  /** The device has finished a reset: what it used of the window is free. */
  readonly onReset = new Emitter<[]>()

  readonly bus: Bus
  readonly devNum: number
  /** What GET_DEVICE_INFO said. */
  info: DeviceInfo | undefined
  /** Offered and selected feature bits, in blocks of 32. */
  offered: number[] = []
  selected: number[] = []
  queues: Virtqueue[] = []
  /** The last status that the device reported. */
  status = 0

  readonly #off: (() => void)[]
  #isLive = false
  #generation = 0

  constructor(bus: Bus, devNum: number) {
    this.bus = bus
    this.devNum = devNum
    this.#off = [
      bus.onEvent.on((from, msgId, frame) => {
        if (from === devNum) this.#takeEvent(msgId, frame)
      }),
      bus.onLost.on((error) => {
        this.queues = [] // the window they lay in is gone
        this.#break(error)
      }),
    ]
  }

  /** Whether the device was initialised and nothing went wrong since. */
  get isLive(): boolean {
    return this.#isLive
  }

  /** Stops listening; the device itself is left as it is. */
  detach(): void {
    for (const off of this.#off) off()
  }

  /** GET_DEVICE_INFO: allowed at any time, also before initialisation. */
  async getInfo(): Promise<DeviceInfo> {
    const request = new Uint8Array(GET_DEVICE_INFO_REQUEST_SIZE)
    encodeGetDeviceInfoRequest(request, this.devNum)
    const response = await this.bus.request(request)
    this.info = this.#checked(decodeGetDeviceInfoResponse(response, new Uint8Array(UUID_SIZE)))
    return this.info
  }

  /**
   * Resets the device and brings it to DRIVER_OK. Rejects with DEVICE_FAILED when it lacks what the driver
   * needs or refuses, PROTOCOL when it answers nonsense, or what `Bus.request` rejects with.
   */
  async initialise(needs: DriverNeeds): Promise<void> {
    this.#isLive = false
    const info = await this.getInfo() // D20
    await this.reset()
    await this.#addStatus(STATUS_ACKNOWLEDGE)
    await this.#addStatus(STATUS_DRIVER)
    await this.#negotiate(info, needs)
    const queues: Virtqueue[] = []
    this.queues = queues
    for (const [index, size] of needs.queueSizes.entries())
      queues.push(await Virtqueue.setUp(this, index, size))
    if (((await this.#addStatus(STATUS_DRIVER_OK)) & STATUS_DRIVER_OK) === 0)
      // D29
      throw this.#failure("does not go to DRIVER_OK")
    this.#isLive = true
  }

  /** Writes status 0 and waits until the device reports it (D43 to D45). Releases the queues. */
  async reset(): Promise<void> {
    this.#isLive = false
    let status = await this.setStatus(0)
    const deadlineMs = this.bus.clock.now() + RESET_TIMEOUT_MS
    while (status !== 0) {
      if (this.bus.clock.now() >= deadlineMs)
        throw this.#failure(`has not finished its reset after ${RESET_TIMEOUT_MS} ms`)
      await delay(this.bus.clock, RESET_POLL_MS)
      status = await this.getStatus()
    }
    for (const queue of this.queues) queue.release()
    this.queues = []
    this.onReset.emit()
  }

  async getStatus(): Promise<number> {
    const request = new Uint8Array(GET_DEVICE_STATUS_REQUEST_SIZE)
    encodeGetDeviceStatusRequest(request, this.devNum)
    this.status = this.#checked(decodeGetDeviceStatusResponse(await this.bus.request(request)))
    return this.status
  }

  /** SET_DEVICE_STATUS: resolves with the status that resulted. */
  async setStatus(status: number): Promise<number> {
    const request = new Uint8Array(STATUS_SIZE)
    encodeSetDeviceStatusRequest(request, this.devNum, status)
    this.status = this.#checked(decodeSetDeviceStatusResponse(await this.bus.request(request)))
    return this.status
  }

  /**
   * Reads `length` bytes at `offset` of the configuration, at one generation (D-S1), in as many messages as it
   * takes. Throws INVALID_ARGUMENT outside the configuration space (D24, D40).
   */
  async readConfig(offset: number, length: number): Promise<Uint8Array> {
    this.#checkConfigRange(offset, length)
    const most = this.bus.hello.maxMessageSize - CONFIG_BASE_SIZE
    for (let tries = 0; tries < CONFIG_TRIES; tries++) {
      const data = new Uint8Array(length)
      const generations = new Set<number>()
      for (let at = 0; at < length; at += most) {
        const part = { offset: offset + at, length: Math.min(most, length - at) }
        const request = new Uint8Array(GET_CONFIG_REQUEST_SIZE)
        encodeGetConfigRequest(request, this.devNum, part)
        const config = this.#checked(decodeGetConfigResponse(await this.bus.request(request)))
        if (config.offset !== part.offset || config.length !== part.length)
          throw this.#nonsense(
            `GET_CONFIG answers another range than the ${part.length} bytes at ${part.offset}`,
          )
        for (let i = 0; i < part.length; i++) data[at + i] = config.data[config.dataOffset + i] as number
        generations.add(config.generation)
        this.#generation = config.generation
      }
      if (generations.size <= 1) return data
    }
    throw this.#failure(`changes its configuration faster than it can be read`)
  }

  /**
   * Writes to the configuration, in one message. Resolves with whether the device applied it. Throws
   * INVALID_ARGUMENT outside the configuration space (D41) or for more than a message holds.
   */
  async writeConfig(offset: number, data: Uint8Array): Promise<boolean> {
    this.#checkConfigRange(offset, data.length)
    const isStrict = (this.bus.hello.transportFeatures & TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION) !== 0 // D5, D6
    const size = CONFIG_BASE_SIZE + data.length
    if (size > this.bus.hello.maxMessageSize)
      throw new VirtioMsgError(
        "INVALID_ARGUMENT",
        `A message carries no ${data.length} bytes of configuration.`,
      )
    const request = new Uint8Array(size)
    encodeSetConfigRequest(request, this.devNum, {
      generation: isStrict ? this.#generation : 0, // D7, D8
      offset,
      length: data.length,
      data,
      dataOffset: 0,
    })
    const response = this.#checked(decodeSetConfigResponse(await this.bus.request(request)))
    this.#generation = response.generation
    if (response.length !== 0 && response.length !== data.length)
      // D42
      throw this.#nonsense(`SET_CONFIG of ${data.length} bytes applied ${response.length}`)
    return response.length === data.length && data.length > 0
  }

  /** Tells the device that a queue has new chains (D31). */
  notifyAvailable(queueIndex: number): void {
    const frame = new Uint8Array(EVENT_AVAIL_SIZE)
    encodeEventAvail(frame, this.devNum, { vqIndex: queueIndex, nextOffset: 0 }) // D58, D59
    this.bus.event(frame)
  }

  /** Marks the device unusable until it is initialised again, and tells whoever uses it. */
  fail(error: VirtioMsgError): void {
    this.#break(error)
  }

  /** A message that decoded, or PROTOCOL with the reason why it did not. */
  checked<T>(decoded: Decoded<T>): T {
    return this.#checked(decoded)
  }

  async #negotiate(info: DeviceInfo, needs: DriverNeeds): Promise<void> {
    if (info.numFeatureBlocks > MAX_FEATURE_BLOCKS)
      throw this.#nonsense(`it claims ${info.numFeatureBlocks} blocks of feature bits`)
    this.offered = await this.#readFeatures(info.numFeatureBlocks)
    this.selected = this.offered.map((bits, block) => {
      const wanted = (needs.wanted[block] ?? 0) | (block === 1 ? FEATURE_VERSION_1_BLOCK1 : 0)
      const banned = block === 1 ? FEATURE_NOTIF_CONFIG_DATA_BLOCK1 : 0 // D26
      return (bits & wanted & ~banned) >>> 0
    })
    const required = needs.required.map((bits, block) => bits | (block === 1 ? FEATURE_VERSION_1_BLOCK1 : 0))
    for (const [block, bits] of required.entries())
      if ((bits & ~(this.selected[block] ?? 0)) !== 0)
        throw this.#failure(
          `lacks feature bits 0x${((bits & ~(this.selected[block] ?? 0)) >>> 0).toString(16)} of block ${block}`,
        )
    await this.#writeFeatures(this.selected)
    if (((await this.#addStatus(STATUS_FEATURES_OK)) & STATUS_FEATURES_OK) === 0)
      // D27
      throw this.#failure("refuses the selected features")
  }

  async #readFeatures(blocks: number): Promise<number[]> {
    const most = maxFeatureBlocks(this.bus.hello.maxMessageSize)
    const features: number[] = []
    while (features.length < blocks) {
      const range = { blockIndex: features.length, numBlocks: Math.min(most, blocks - features.length) }
      const request = new Uint8Array(GET_DEVICE_FEATURES_REQUEST_SIZE)
      encodeGetDeviceFeaturesRequest(request, this.devNum, range)
      const answer = this.#checked(decodeGetDeviceFeaturesResponse(await this.bus.request(request)))
      if (answer.blockIndex !== range.blockIndex || answer.numBlocks !== range.numBlocks)
        throw this.#nonsense(
          `GET_DEVICE_FEATURES answers other blocks than ${range.numBlocks} from ${range.blockIndex}`,
        )
      features.push(...answer.features)
    }
    return features
  }

  async #writeFeatures(features: readonly number[]): Promise<void> {
    const most = maxFeatureBlocks(this.bus.hello.maxMessageSize)
    for (let blockIndex = 0; blockIndex < features.length; blockIndex += most) {
      const part = features.slice(blockIndex, blockIndex + most)
      const request = new Uint8Array(FEATURES_BASE_SIZE + 4 * part.length)
      const blocks = { blockIndex, numBlocks: part.length, features: part }
      encodeSetDriverFeaturesRequest(request, this.devNum, blocks)
      const response = await this.bus.request(request)
      if (response.length < HEADER_SIZE) throw this.#nonsense("SET_DRIVER_FEATURES has no response")
    }
  }

  async #addStatus(bit: number): Promise<number> {
    const status = await this.setStatus(this.status | bit)
    if (status & STATUS_DEVICE_NEEDS_RESET) throw this.#failure("asks for a reset while it is being set up")
    return status
  }

  #takeEvent(msgId: number, frame: Uint8Array): void {
    if (!this.#isLive) return
    if (msgId === EVENT_USED) {
      const event = decodeEventUsed(frame)
      if (event.ok && event.value < this.queues.length)
        this.onUsed.emit(event.value) // D32
      else this.bus.discardedCount++
    } else if (msgId === EVENT_CONFIG) {
      const event = decodeEventConfig(frame)
      if (!event.ok) {
        this.bus.discardedCount++
        return
      }
      this.#generation = event.value.generation
      this.status = event.value.deviceStatus
      if (event.value.deviceStatus & STATUS_DEVICE_NEEDS_RESET)
        this.#break(this.#failure("asks to be reset (DEVICE_NEEDS_RESET)"))
      else this.onConfigChange.emit()
    } else this.bus.discardedCount++
  }

  #break(error: VirtioMsgError): void {
    if (!this.#isLive) return
    this.#isLive = false
    this.onBroken.emit(error)
  }

  #checkConfigRange(offset: number, length: number): void {
    const size = this.info?.configSize ?? 0
    if (offset < 0 || length < 0 || offset + length > size)
      throw new VirtioMsgError(
        "INVALID_ARGUMENT",
        `Bytes ${offset} to ${offset + length} are outside the device's ${size} bytes of configuration.`,
      )
  }

  #checked<T>(decoded: Decoded<T>): T {
    if (decoded.ok) return decoded.value
    throw this.#nonsense(decoded.reason)
  }

  #failure(what: string): VirtioMsgError {
    return new VirtioMsgError("DEVICE_FAILED", `Device ${this.devNum} ${what}.`, {
      hint: "The next call initialises it again; reset the board if that does not help.",
      maybeExecuted: true,
    })
  }

  #nonsense(what: string): VirtioMsgError {
    const uuid = this.info && toHex(this.info.uuid as unknown as Uint8Array)
    const which = uuid && !/^0*$/.test(uuid) ? ` (${uuid})` : ""
    return new VirtioMsgError("PROTOCOL", `Device ${this.devNum}${which}: ${what}.`, {
      hint: "Its firmware does not follow the specification.",
      maybeExecuted: true,
    })
  }
}
