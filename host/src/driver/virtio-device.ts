// The driver's side of one device: status, features, configuration, virtqueues, in the specification's order
// (virtio-msg "Driver Operation", D19 to D59; virtio 1.4 3.1.1).

import { DEVICE_REMOVED } from "../../../shared-protocol/src/messages/bus.js"
import type { DeviceInfo } from "../../../shared-protocol/src/messages/device-info.js"
import { decodeEventConfig, decodeEventUsed } from "../../../shared-protocol/src/messages/events.js"
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
import { counted } from "../counted.js"
import { Emitter } from "../emitter.js"
import { invalidArgument, VirtioMsgError } from "../errors.js"
import { ConfigSpace } from "./config-space.js"
import { deviceUnusable } from "./failures.js"
import { type DriverNeeds, missingFeatures, selectFeatures } from "./features.js"
import { Transport } from "./transport.js"
import { Virtqueue } from "./virtqueue.js"

/** How long a device may take to finish a reset, and how often to ask it (D11, D43). */
const RESET_TIMEOUT_MS = 2000
const RESET_POLL_MS = 10
/** More feature blocks than any device has; a device that claims more is not believed. */
const MAX_FEATURE_BLOCKS = 64

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

  readonly #config: ConfigSpace
  readonly #off: (() => void)[]
  #isLive = false
  /** What the device's driver is called, from when there is one. */
  #driver: string | undefined
  #isDetached = false
  /** Why the bus was lost after `initialise` began; undefined if it was not. */
  #lostBy: VirtioMsgError | undefined
  #removed: VirtioMsgError | undefined
  /** The epoch of the bus in which `info` was asked for. */
  #infoFrom = 0

  constructor(bus: Bus, devNum: number) {
    this.bus = bus
    this.devNum = devNum
    this.transport = new Transport(bus, devNum)
    this.#config = new ConfigSpace(this.transport)
    this.#off = [
      bus.onEvent.on((from, msgId, frame) => {
        if (from === devNum) this.#takeEvent(msgId, frame)
      }),
      bus.onLost.on((error) => {
        this.queues = [] // the window with their places has gone
        this.#lostBy = error
        this.fail(error)
      }),
      bus.onDevice.on(({ deviceNumber, busState }) => {
        if (deviceNumber === devNum && busState === DEVICE_REMOVED) this.#leave()
      }),
    ]
  }

  /** Whether the device was initialised and nothing has gone wrong since. */
  get isLive(): boolean {
    return this.#isLive
  }

  /** Whether the bus said that the device has gone (EVENT_DEVICE). From then on its number may be another device's. */
  get isRemoved(): boolean {
    return this.#removed !== undefined
  }

  /**
   * Takes the device for a driver: two drivers would each take the other's completions. Throws INVALID_ARGUMENT when
   * the device has a driver, or had one that was closed.
   */
  claim(driver: string): void {
    if (this.#isDetached)
      throw invalidArgument(`This VirtioDevice of device ${this.devNum} was closed.`, {
        hint: "Make another: new VirtioDevice(bus, devNum)",
      })
    if (this.#driver !== undefined)
      throw invalidArgument(
        `Device ${this.devNum} has a driver already (${this.#driver}); a second one (${driver}) cannot use it.`,
        {
          hint: "Share the driver: OpenedBus gives all callers the same one, by i2c(), gpio(), rng() and console().",
        },
      )
    this.#driver = driver
  }

  /** Stops listening. The device itself stays as it is, and no driver can use this object any more. */
  detach(): void {
    this.#isDetached = true
    for (const off of this.#off) off()
  }

  /** Whether `info` was asked for in this epoch of the bus. */
  get hasInfo(): boolean {
    return this.info !== undefined && this.#infoFrom === this.bus.epochCount
  }

  /** `info` is asked for again before the next initialisation. */
  forgetInfo(): void {
    this.#infoFrom = 0
  }

  /** GET_DEVICE_INFO: allowed at any time, also before initialisation. */
  async getInfo(): Promise<DeviceInfo> {
    this.info = await this.transport.getDeviceInfo()
    this.#infoFrom = this.bus.epochCount
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
    // requests that need not wait for an answer are sent together: a board sends 50 packets a second
    await Promise.all([
      this.#setStatus(STATUS_ACKNOWLEDGE),
      this.#setStatus(STATUS_ACKNOWLEDGE | STATUS_DRIVER),
    ])
    await this.#negotiate(info, needs)
    const queues: Virtqueue[] = []
    this.queues = queues
    for (const [index, size] of needs.queueSizes.entries()) {
      const queue = await Virtqueue.lay(this, index, size)
      queues.push(queue) // before the device is told: if this fails, the next reset gives the place back
      await queue.enable()
    }
    const status = await this.#addStatus(STATUS_DRIVER_OK)
    if ((status & STATUS_DRIVER_OK) === 0) throw this.#failure("does not go to DRIVER_OK") // D29
    // the packet with the last answer may also have ended the epoch
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
  readConfig(offset: number, length: number): Promise<Uint8Array> {
    return this.#config.read(offset, length, this.info?.configSize ?? 0)
  }

  /**
   * Writes to the configuration, in one message. If the bus is strict and the configuration has changed meanwhile,
   * writes again (D-S4). Resolves with whether the device applied it. Throws INVALID_ARGUMENT outside the
   * configuration space (D41), or for more than one message holds.
   */
  writeConfig(offset: number, data: Uint8Array): Promise<boolean> {
    return this.#config.write(offset, data, this.info?.configSize ?? 0)
  }

  /** Publishes the chains that were offered, and tells the device, unless it looks for itself (R30, R31). */
  announce(queue: Virtqueue): void {
    if (queue.ring.publish()) this.transport.eventAvail(queue.index)
    else this.bus.flush()
  }

  /** The device has gone, and with it everything that it used of the window. */
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

  /** Selects the bits that are offered and wanted, and has the device confirm them (D25 to D27). */
  async #negotiate(info: DeviceInfo, needs: DriverNeeds): Promise<void> {
    if (info.numFeatureBlocks > MAX_FEATURE_BLOCKS)
      throw this.transport.nonsense(`it claims ${counted(info.numFeatureBlocks, "block")} of feature bits`)
    this.offered = await this.transport.getDeviceFeatures(info.numFeatureBlocks)
    this.selected = selectFeatures(this.offered, needs)
    const missing = missingFeatures(this.selected, needs)
    if (missing !== "") throw this.#failure(`lacks ${missing}`)
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
    this.#config.generation = generation
    if (deviceStatus & STATUS_DEVICE_NEEDS_RESET)
      this.fail(this.#failure("asks to be reset (DEVICE_NEEDS_RESET)"))
    else this.onConfigChange.emit()
  }

  #failure(what: string): VirtioMsgError {
    return deviceUnusable(this.devNum, what)
  }
}
