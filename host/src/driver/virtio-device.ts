// The driver's side of one device: status, features, configuration, virtqueues, in the specification's order
// (virtio-msg "Driver Operation", D19 to D59; virtio 1.4 3.1.1).

import {
  FEATURE_ACCESS_PLATFORM_BLOCK1,
  FEATURE_NOTIF_CONFIG_DATA_BLOCK1,
  FEATURE_VERSION_1_BLOCK1,
} from "../../../shared-protocol/src/device-types/feature-bits.js"
import { DEVICE_REMOVED } from "../../../shared-protocol/src/messages/bus.js"
import type { DeviceInfo } from "../../../shared-protocol/src/messages/device-info.js"
import { decodeEventConfig, decodeEventUsed } from "../../../shared-protocol/src/messages/events.js"
import { TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION } from "../../../shared-protocol/src/messages/hello.js"
import { EVENT_CONFIG, EVENT_USED } from "../../../shared-protocol/src/messages/ids.js"
import {
  STATUS_ACKNOWLEDGE,
  STATUS_DEVICE_NEEDS_RESET,
  STATUS_DRIVER,
  STATUS_DRIVER_OK,
  STATUS_FEATURES_OK,
} from "../../../shared-protocol/src/messages/status.js"
import type { Bus } from "../bus/bus.js"
import { delay } from "../clock.js"
import { Emitter } from "../emitter.js"
import { VirtioMsgError } from "../errors.js"
import { Transport } from "./transport.js"
import { Virtqueue } from "./virtqueue.js"

/** How long a device may take to finish a reset, and how often to ask it (D11, D43). */
const RESET_TIMEOUT_MS = 2000
const RESET_POLL_MS = 10
/** Taken of every device that offers it: our addresses are the bus's, never physical ones. */
const WANTED_OF_ALL_BLOCK1 = FEATURE_VERSION_1_BLOCK1 | FEATURE_ACCESS_PLATFORM_BLOCK1
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

/**
 * One device of the bus: its features, status, configuration and queues.
 *
 * @example
 * ```ts
 * import { openBus } from "virtio-msg"
 *
 * const bus = await openBus({ port: "sim" })
 * const [device] = await bus.devices()
 * console.log(device?.info?.deviceId) // 34
 * console.log(device?.info?.maxVirtqueues) // 1
 * await bus.close()
 * ```
 */
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
  readonly transport: Transport
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
  /** What the device's driver is called, from when there is one. */
  #driver: string | undefined
  #isDetached = false
  /** Why the bus was lost since `initialise` began. */
  #lostBy: VirtioMsgError | undefined
  #removed: VirtioMsgError | undefined
  /** The epoch of the bus in which `info` was asked for. */
  #infoFrom = 0
  /** Of the configuration, as last seen. */
  #generation = 0

  constructor(bus: Bus, devNum: number) {
    this.bus = bus
    this.devNum = devNum
    this.transport = new Transport(bus, devNum)
    this.#off = [
      bus.onEvent.on((from, msgId, frame) => {
        if (from === devNum) this.#takeEvent(msgId, frame)
      }),
      bus.onLost.on((error) => {
        this.queues = [] // the window they lay in is gone
        this.#lostBy = error
        this.fail(error)
      }),
      bus.onDevice.on(({ deviceNumber, busState }) => {
        if (deviceNumber === devNum && busState === DEVICE_REMOVED) this.#leave()
      }),
    ]
  }

  /** Whether the device was initialised and nothing went wrong since. */
  get isLive(): boolean {
    return this.#isLive
  }

  /** Whether the bus said that the device is gone (EVENT_DEVICE). Its number is another device's from then on. */
  get isRemoved(): boolean {
    return this.#removed !== undefined
  }

  /**
   * Takes the device for a driver: two would each take what the other's queues bring. Throws INVALID_ARGUMENT when it
   * has one, or had one that was closed.
   */
  claim(driver: string): void {
    if (this.#isDetached)
      throw new VirtioMsgError("INVALID_ARGUMENT", `This VirtioDevice of device ${this.devNum} was closed.`, {
        hint: "Make another: new VirtioDevice(bus, devNum)",
      })
    if (this.#driver !== undefined)
      throw new VirtioMsgError(
        "INVALID_ARGUMENT",
        `Device ${this.devNum} has a driver already (${this.#driver}); a second one (${driver}) cannot use it.`,
        {
          hint: "Share the driver: OpenedBus gives all callers the same one, by i2c(), gpio(), rng() and console().",
        },
      )
    this.#driver = driver
  }

  /** Stops listening; the device itself is left as it is, and no driver can use this object any more. */
  detach(): void {
    this.#isDetached = true
    for (const off of this.#off) off()
  }

  /** Whether `info` was asked for in this epoch of the bus. */
  get hasInfo(): boolean {
    return this.info !== undefined && this.#infoFrom === this.bus.generation
  }

  /** `info` is asked for again before the next initialisation. */
  forgetInfo(): void {
    this.#infoFrom = 0
  }

  /** GET_DEVICE_INFO: allowed at any time, also before initialisation. */
  async getInfo(): Promise<DeviceInfo> {
    this.info = await this.transport.getDeviceInfo()
    this.#infoFrom = this.bus.generation
    return this.info
  }

  /**
   * Resets the device and brings it to DRIVER_OK. Rejects with DEVICE_FAILED when it lacks what the driver
   * needs or refuses, PROTOCOL when it answers nonsense, or what `Bus.request` rejects with.
   */
  async initialise(needs: DriverNeeds): Promise<void> {
    if (this.#removed) throw this.#removed
    this.#isLive = false
    this.#lostBy = undefined
    const info = this.hasInfo && this.info ? this.info : await this.getInfo() // D20
    await this.reset()
    // what need not wait for an answer travels together: a board sends 50 packets a second
    await Promise.all([
      this.#setStatus(STATUS_ACKNOWLEDGE),
      this.#setStatus(STATUS_ACKNOWLEDGE | STATUS_DRIVER),
    ])
    await this.#negotiate(info, needs)
    const queues: Virtqueue[] = []
    this.queues = queues
    for (const [index, size] of needs.queueSizes.entries()) {
      const queue = await Virtqueue.lay(this, index, size)
      queues.push(queue) // before the device hears of it: the next reset gives its place back, also if this one fails
      await queue.enable()
    }
    const status = await this.#addStatus(STATUS_DRIVER_OK)
    if ((status & STATUS_DRIVER_OK) === 0) throw this.#failure("does not go to DRIVER_OK") // D29
    // the packet with the last answer may have ended more than the wait
    const endedBy = this.#lostBy ?? this.#removed
    if (endedBy) throw endedBy
    this.#isLive = true
  }

  /** Writes status 0 and waits until the device reports it (D43 to D45). Releases the queues. */
  async reset(): Promise<void> {
    this.#isLive = false
    this.status = await this.transport.setDeviceStatus(0)
    const deadlineMs = this.bus.clock.now() + RESET_TIMEOUT_MS
    while (this.status !== 0) {
      if (this.bus.clock.now() >= deadlineMs)
        throw this.#failure(`has not finished its reset after ${RESET_TIMEOUT_MS} ms`)
      await delay(this.bus.clock, RESET_POLL_MS)
      this.status = await this.transport.getDeviceStatus()
    }
    this.#releaseQueues()
  }

  /**
   * Reads `length` bytes at `offset` of the configuration, at one generation (D-S1), in as many messages as it
   * takes. Throws INVALID_ARGUMENT outside the configuration space (D24, D40).
   */
  async readConfig(offset: number, length: number): Promise<Uint8Array> {
    this.#checkConfigRange(offset, length)
    const most = this.transport.maxConfigLength
    for (let tries = 0; tries < CONFIG_TRIES; tries++) {
      const data = new Uint8Array(length)
      const generations = new Set<number>()
      for (let at = 0; at < length; at += most) {
        const part = await this.transport.getConfig(offset + at, Math.min(most, length - at))
        for (let i = 0; i < part.length; i++) data[at + i] = part.data[part.dataOffset + i] as number
        generations.add(part.generation)
        this.#generation = part.generation
      }
      if (generations.size <= 1) return data
    }
    throw this.#failure("changes its configuration faster than it can be read")
  }

  /**
   * Writes to the configuration, in one message; again if it changed meanwhile and the bus wants to know (D-S4).
   * Resolves with whether the device applied it. Throws
   * INVALID_ARGUMENT outside the configuration space (D41) or for more than a message holds.
   */
  async writeConfig(offset: number, data: Uint8Array): Promise<boolean> {
    this.#checkConfigRange(offset, data.length)
    if (data.length > this.transport.maxConfigLength)
      throw new VirtioMsgError(
        "INVALID_ARGUMENT",
        `A message carries at most ${this.transport.maxConfigLength} bytes of configuration, not ${data.length}.`,
      )
    const profile = this.bus.hello.transportFeatures // D5, D6
    const isStrict = (profile & TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION) !== 0
    for (let tries = 1; ; tries++) {
      const sent = isStrict ? this.#generation : 0 // D7, D8
      const answer = await this.transport.setConfig(sent, offset, data)
      this.#generation = answer.generation
      if (answer.length > 0 || data.length === 0) return answer.length > 0
      // refused although the generation is right: the device does not want it
      if (!isStrict || answer.generation === sent || tries === CONFIG_TRIES) return false
      this.#generation = (await this.transport.getConfig(offset, data.length)).generation // D-S4
    }
  }

  /** Publishes the chains that were offered, and tells the device unless it looks by itself (R30, R31). */
  announce(queue: Virtqueue): void {
    if (queue.ring.publish()) this.transport.eventAvail(queue.index)
    else this.bus.session.scheduleFlush()
  }

  /** The device is gone, and with it all that it used of the window. */
  #leave(): void {
    const error = new VirtioMsgError("DEVICE_REMOVED", `Device ${this.devNum} was removed from the bus.`, {
      hint: "See what is there: virtio-msg info",
      maybeExecuted: true,
    })
    this.#removed = error
    this.fail(error)
    this.#releaseQueues()
    this.detach()
  }

  #releaseQueues(): void {
    for (const queue of this.queues) queue.release()
    this.queues = []
    this.onReset.emit()
  }

  /** Marks the device unusable until it is initialised again, and tells whoever uses it. */
  fail(error: VirtioMsgError): void {
    if (!this.#isLive) return
    this.#isLive = false
    this.onBroken.emit(error)
  }

  /** Selects what is offered and wanted, and has it confirmed (D25 to D27). */
  async #negotiate(info: DeviceInfo, needs: DriverNeeds): Promise<void> {
    if (info.numFeatureBlocks > MAX_FEATURE_BLOCKS)
      throw this.transport.nonsense(`it claims ${info.numFeatureBlocks} blocks of feature bits`)
    this.offered = await this.transport.getDeviceFeatures(info.numFeatureBlocks)
    this.selected = this.offered.map((bits, block) => {
      const wanted = (needs.wanted[block] ?? 0) | (block === 1 ? WANTED_OF_ALL_BLOCK1 : 0)
      const banned = block === 1 ? FEATURE_NOTIF_CONFIG_DATA_BLOCK1 : 0
      return (bits & wanted & ~banned) >>> 0
    })
    for (const block of [0, 1]) {
      const required = (needs.required[block] ?? 0) | (block === 1 ? FEATURE_VERSION_1_BLOCK1 : 0)
      const missing = (required & ~(this.selected[block] ?? 0)) >>> 0
      if (missing !== 0) throw this.#failure(`lacks feature bits 0x${missing.toString(16)} of block ${block}`)
    }
    const [, status] = await Promise.all([
      this.transport.setDriverFeatures(this.selected),
      this.#addStatus(STATUS_FEATURES_OK),
    ])
    if ((status & STATUS_FEATURES_OK) === 0) throw this.#failure("refuses the selected features")
  }

  #addStatus(bit: number): Promise<number> {
    return this.#setStatus(this.status | bit)
  }

  async #setStatus(status: number): Promise<number> {
    this.status = await this.transport.setDeviceStatus(status)
    if (this.status & STATUS_DEVICE_NEEDS_RESET)
      throw this.#failure("asks for a reset while it is being set up")
    return this.status
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
      if (event.ok) this.#takeConfigEvent(event.value.deviceStatus, event.value.generation)
      else this.bus.discardedCount++
    } else this.bus.discardedCount++
  }

  #takeConfigEvent(deviceStatus: number, generation: number): void {
    this.status = deviceStatus
    this.#generation = generation
    if (deviceStatus & STATUS_DEVICE_NEEDS_RESET)
      this.fail(this.#failure("asks to be reset (DEVICE_NEEDS_RESET)"))
    else this.onConfigChange.emit()
  }

  #checkConfigRange(offset: number, length: number): void {
    const size = this.info?.configSize ?? 0
    if (offset < 0 || length < 0 || offset + length > size)
      throw new VirtioMsgError(
        "INVALID_ARGUMENT",
        `Bytes ${offset} to ${offset + length} are outside the device's ${size} bytes of configuration.`,
      )
  }

  #failure(what: string): VirtioMsgError {
    return new VirtioMsgError("DEVICE_FAILED", `Device ${this.devNum} ${what}.`, {
      hint: "The next call initialises it again; reset the board if that does not help.",
      maybeExecuted: true,
    })
  }
}
