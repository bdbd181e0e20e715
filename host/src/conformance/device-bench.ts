// One device under test: its requests as calls, and the way from reset to a running queue. If something goes wrong
// that a row does not judge, the row is blocked; the row about it fails.

import {
  FEATURE_RING_RESET_BLOCK1,
  FEATURE_VERSION_1_BLOCK1,
} from "../../../shared-protocol/src/device-types/feature-bits.js"
import { type ConfigData, decodeGetConfigResponse } from "../../../shared-protocol/src/messages/config.js"
import {
  type DeviceInfo,
  decodeGetDeviceInfoResponse,
  UUID_SIZE,
} from "../../../shared-protocol/src/messages/device-info.js"
import { decodeGetDeviceFeaturesResponse } from "../../../shared-protocol/src/messages/features.js"
import type { Decoded } from "../../../shared-protocol/src/messages/header.js"
import {
  decodeGetDeviceStatusResponse,
  decodeSetDeviceStatusResponse,
  STATUS_ACKNOWLEDGE,
  STATUS_DRIVER,
  STATUS_DRIVER_OK,
  STATUS_FEATURES_OK,
} from "../../../shared-protocol/src/messages/status.js"
import {
  decodeGetVqueueResponse,
  VQUEUE_ENABLE,
  VQUEUE_ENABLED,
  type VqueueSetting,
  type VqueueState,
} from "../../../shared-protocol/src/messages/vqueue.js"
import { delay } from "../clock.js"
import { counted } from "../counted.js"
import { hex } from "../hex.js"
import type { Conversation } from "./conversation.js"
import type { DevicePort } from "./device-port.js"
import * as frames from "./frames.js"
import { Hotplug } from "./hotplug.js"
import { placeQueue, SuiteQueue, toAddress } from "./suite-queue.js"
import { blocked, skip } from "./verdict.js"
import type { Workload } from "./workload.js"

/** The status after each of these steps of the initialisation. */
export const UP_TO_DRIVER = STATUS_ACKNOWLEDGE | STATUS_DRIVER
export const UP_TO_FEATURES_OK = UP_TO_DRIVER | STATUS_FEATURES_OK
export const UP_TO_DRIVER_OK = UP_TO_FEATURES_OK | STATUS_DRIVER_OK
/** How long a reset may take (the text bounds it, without a number). */
const RESET_TIMEOUT_MS = 5000
const RESET_POLL_MS = 10
/** Descriptors of the queues that rows use, unless they say otherwise. */
const USUAL_QUEUE_SIZE = 16
const MAX_FEATURE_BLOCKS = 64

/** Options of the way to DRIVER_OK. */
export interface StartOptions {
  readonly queueSize?: number
  /** Feature bits of blocks 0 and 1 to select, beside those that the device needs. */
  readonly extra?: readonly [number, number]
}

export interface DeviceBenchOptions {
  /** Undefined: the device is checked without I/O. */
  readonly workload?: Workload | undefined
  /** A chip on an I2C bus that may be read and written. Undefined: one is looked for, where that does no harm. */
  readonly chipAddress?: number | undefined
  /** The devices that come and go on this bus. */
  readonly hotplug?: Hotplug
}

export class DeviceBench {
  readonly conversation: Conversation
  readonly port: DevicePort
  readonly devNum: number
  /** All numbers on the bus, ascending. */
  readonly deviceNumbers: readonly number[]
  readonly info: DeviceInfo
  readonly workload: Workload | undefined
  readonly chipAddress: number | undefined
  readonly hotplug: Hotplug

  constructor(
    conversation: Conversation,
    device: { devNum: number; info: DeviceInfo },
    deviceNumbers: readonly number[],
    { workload, chipAddress, hotplug = new Hotplug(conversation) }: DeviceBenchOptions = {},
  ) {
    this.conversation = conversation
    this.port = conversation.port
    this.devNum = device.devNum
    this.info = device.info
    this.deviceNumbers = deviceNumbers
    this.workload = workload
    this.chipAddress = chipAddress
    this.hotplug = hotplug
  }

  ask(frame: Uint8Array): Promise<Uint8Array | undefined> {
    return this.conversation.ask(frame)
  }

  /** The response, without which the row cannot go on. */
  async need(name: string, frame: Uint8Array): Promise<Uint8Array> {
    const response = await this.ask(frame)
    if (!response) blocked(`No response to ${name}.`)
    return response
  }

  /** What the response says, without which the row cannot go on. */
  async #read<T>(name: string, frame: Uint8Array, decode: (response: Uint8Array) => Decoded<T>): Promise<T> {
    const decoded = decode(await this.need(name, frame))
    return decoded.ok ? decoded.value : blocked(`The response to ${name} is malformed: ${decoded.reason}.`)
  }

  getInfo(): Promise<DeviceInfo> {
    return this.#read("GET_DEVICE_INFO", frames.getDeviceInfo(this.devNum), (response) =>
      decodeGetDeviceInfoResponse(response, new Uint8Array(UUID_SIZE)),
    )
  }

  getStatus(): Promise<number> {
    return this.#read("GET_DEVICE_STATUS", frames.getDeviceStatus(this.devNum), decodeGetDeviceStatusResponse)
  }

  /** Returns the status that the response reports. */
  setStatus(status: number): Promise<number> {
    const request = frames.setDeviceStatus(this.devNum, status)
    return this.#read("SET_DEVICE_STATUS", request, decodeSetDeviceStatusResponse)
  }

  async getFeatures(blockIndex: number, numBlocks: number): Promise<readonly number[]> {
    const request = frames.getDeviceFeatures(this.devNum, blockIndex, numBlocks)
    return (await this.#read("GET_DEVICE_FEATURES", request, decodeGetDeviceFeaturesResponse)).features
  }

  /** Every block that the device claims to have. */
  async offered(): Promise<number[]> {
    const most = Math.floor((this.port.parameters.maxMessageSize - 16) / 4)
    const blocks = Math.min(this.info.numFeatureBlocks, MAX_FEATURE_BLOCKS)
    const features: number[] = []
    while (features.length < blocks)
      features.push(...(await this.getFeatures(features.length, Math.min(most, blocks - features.length))))
    return features
  }

  async setFeatures(blockIndex: number, features: readonly number[]): Promise<void> {
    await this.need("SET_DRIVER_FEATURES", frames.setDriverFeatures(this.devNum, blockIndex, features))
  }

  getConfig(offset: number, length: number): Promise<ConfigData> {
    return this.#read("GET_CONFIG", frames.getConfig(this.devNum, offset, length), decodeGetConfigResponse)
  }

  getVqueue(index: number): Promise<VqueueState> {
    return this.#read("GET_VQUEUE", frames.getVqueue(this.devNum, index), decodeGetVqueueResponse)
  }

  async setVqueue(setting: VqueueSetting): Promise<Uint8Array | undefined> {
    return this.ask(frames.setVqueue(this.devNum, setting))
  }

  /** Writes status 0 and waits until the device reports it. */
  async reset(): Promise<void> {
    let status = await this.setStatus(0)
    const deadlineMs = this.port.clock.now() + RESET_TIMEOUT_MS
    while (status !== 0) {
      if (this.port.clock.now() > deadlineMs)
        blocked(`The device has not finished its reset after ${RESET_TIMEOUT_MS} ms.`)
      await delay(this.port.clock, RESET_POLL_MS)
      status = await this.getStatus()
    }
  }

  /** Goes from reset to DRIVER, before features are selected. */
  async toDriver(): Promise<void> {
    await this.reset()
    await this.setStatus(STATUS_ACKNOWLEDGE)
    await this.setStatus(UP_TO_DRIVER)
  }

  /** Resets, and selects features up to FEATURES_OK. Returns what was selected. */
  async negotiate(options: StartOptions = {}): Promise<number[]> {
    await this.toDriver()
    const selected = await this.selection(options)
    await this.setFeatures(0, selected)
    const status = await this.setStatus(UP_TO_FEATURES_OK)
    if ((status & STATUS_FEATURES_OK) === 0)
      blocked(
        `The device refuses features ${selected.map((bits) => hex(bits)).join(", ")}: status ${hex(status)}.`,
      )
    return selected
  }

  /** The bits that a driver has to select: what the workload needs, VERSION_1, and `extra` where it is offered. */
  async selection(options: StartOptions = {}): Promise<number[]> {
    const offered = await this.offered()
    const [low, high] = options.extra ?? [0, 0]
    // without a workload all of the type's own bits are selected: it is not known which are needed
    const needed = [this.workload?.features ?? 0x00ffffff, FEATURE_VERSION_1_BLOCK1]
    return offered.map((bits, block) => {
      const wanted = (needed[block] ?? 0) | (block === 0 ? low : block === 1 ? high : 0)
      return (bits & wanted) >>> 0
    })
  }

  /** The setting that enables `queue`. */
  enabling(queue: SuiteQueue, change: Partial<VqueueSetting> = {}): VqueueSetting {
    return {
      index: queue.index,
      flags: VQUEUE_ENABLE,
      size: queue.size,
      reserved: 0,
      desc: toAddress(queue.place.desc),
      driver: toAddress(queue.place.driver),
      device: toAddress(queue.place.device),
      ...change,
    }
  }

  /**
   * A queue that exists, with its place in the window, and not configured yet. Skips the row if the device has none.
   */
  async layOutQueue(queueSize = USUAL_QUEUE_SIZE): Promise<SuiteQueue> {
    const index = this.workload?.queueIndex ?? 0
    const { maxSize } = await this.getVqueue(index)
    if (maxSize === 0) skip("The device has no virtqueue.")
    const size = largestPower(Math.min(queueSize, maxSize))
    return new SuiteQueue(this.conversation, this.devNum, index, size)
  }

  /** A queue in the window, behind another one that is in use. */
  makeQueue(index: number, size: number, behind?: SuiteQueue): SuiteQueue {
    return new SuiteQueue(this.conversation, this.devNum, index, size, behind)
  }

  /** Configures and enables `queue`. Blocks the row when the device does not do so. */
  async enable(queue: SuiteQueue): Promise<void> {
    await this.setVqueue(this.enabling(queue))
    const state = await this.getVqueue(queue.index)
    if ((state.flags & VQUEUE_ENABLED) === 0 || state.curSize !== queue.size)
      blocked(`Queue ${queue.index} was not enabled with ${counted(queue.size, "descriptor")}.`)
  }

  /** Goes from reset to an enabled queue, before DRIVER_OK. */
  async prepare(options: StartOptions = {}): Promise<SuiteQueue> {
    await this.negotiate(options)
    const queue = await this.layOutQueue(options.queueSize)
    await this.enable(queue)
    return queue
  }

  async driverOk(): Promise<void> {
    const status = await this.setStatus(UP_TO_DRIVER_OK)
    if (status !== UP_TO_DRIVER_OK) blocked(`The device does not go to DRIVER_OK: status ${hex(status)}.`)
  }

  /** Goes from reset to DRIVER_OK, with a queue that I/O can be done on. Skips the row where none can. */
  async start(options: StartOptions = {}): Promise<{ queue: SuiteQueue; workload: Workload }> {
    const workload = this.needWorkload()
    const queue = await this.prepare(options)
    await this.driverOk()
    return { queue, workload }
  }

  needWorkload(): Workload {
    if (!this.workload) skip(`The suite knows no request for a device of type ${this.info.deviceId}.`)
    return this.workload
  }

  /** Skips the row on a bus where both sides look by themselves. */
  needNotifications(): void {
    if (this.port.parameters.isPolling) skip("The bus has no notifications: both sides look by themselves.")
  }

  /** Whether the device offers a feature bit. */
  async offers(block: number, bit: number): Promise<boolean> {
    return (((await this.offered())[block] ?? 0) & bit) !== 0
  }

  /** Negotiates VIRTIO_F_RING_RESET; skips the row where it is not offered. */
  async needRingReset(): Promise<readonly [number, number]> {
    if (!(await this.offers(1, FEATURE_RING_RESET_BLOCK1)))
      skip("The device does not offer VIRTIO_F_RING_RESET.")
    return [0, FEATURE_RING_RESET_BLOCK1]
  }

  /** The device's configuration space must not be empty for this row. */
  needConfig(): number {
    if (this.info.configSize === 0) skip("The device has no configuration space.")
    return this.info.configSize
  }

  /** Whether the window holds a queue of `size` descriptors. */
  hasRoomFor(size: number): boolean {
    return placeQueue(this.port.memory, size) !== undefined
  }
}

function largestPower(limit: number): number {
  return 2 ** Math.floor(Math.log2(limit))
}
