// A bus between two buses. Every message of a driver, such as a guest's Linux, goes on to a board, and every answer
// and event goes back. Ring addresses are translated and buffers are copied (forwarded-queue.ts). Nothing is answered
// here.

import { constants } from "node:os"
import { getU16, getU32, putU32 } from "../../../shared-protocol/src/bytes.js"
import {
  DEVICE_REMOVED,
  EVENT_DEVICE_SIZE,
  encodeEventDevice,
} from "../../../shared-protocol/src/messages/bus.js"
import { EVENT_USED_SIZE, encodeEventUsed } from "../../../shared-protocol/src/messages/events.js"
import {
  EVENT_BIT,
  getToken,
  HEADER_SIZE,
  putToken,
  TYPE_BUS,
  TYPE_RESPONSE,
} from "../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import { encodeSetDeviceStatusRequest } from "../../../shared-protocol/src/messages/status.js"
import {
  GET_VQUEUE_RESPONSE_SIZE,
  SET_VQUEUE_REQUEST_SIZE,
  VQUEUE_DESC_IGNORE,
  VQUEUE_DEVICE_IGNORE,
  VQUEUE_DRIVER_IGNORE,
  VQUEUE_SIZE_IGNORE,
} from "../../../shared-protocol/src/messages/vqueue.js"
import type { Bus } from "../bus/bus.js"
import { allocateBytes, type HostBytes, ownedCopyOf } from "../bytes.js"
import { VirtioMsgError } from "../errors.js"
import { hideFeatures } from "./forwarded-features.js"
import { ForwardedQueue, largestQueue } from "./forwarded-queue.js"
import { type DriverWindow, getAddress, putAddress } from "./given-ring.js"

/** The driver's bus. We are its device side. */
export interface DriverSide {
  readonly window: DriverWindow
  send(frame: Uint8Array): void
  /**
   * Told of a request that gets no answer, and why: an errno. Where this is absent, the driver waits until its
   * time-out.
   */
  refuse?(request: Uint8Array, errno: number): void
}

const { EBUSY, EMSGSIZE, ENODEV, ETIMEDOUT } = constants.errno
const SET_DEVICE_STATUS_SIZE = HEADER_SIZE + 4
const IGNORES = VQUEUE_SIZE_IGNORE | VQUEUE_DESC_IGNORE | VQUEUE_DRIVER_IGNORE | VQUEUE_DEVICE_IGNORE
/** Offsets in frames. */
const INDEX = HEADER_SIZE
const FLAGS = HEADER_SIZE + 4
const MAX_SIZE = HEADER_SIZE + 4
const SIZE = HEADER_SIZE + 8
const ADDRESSES = [HEADER_SIZE + 16, HEADER_SIZE + 24, HEADER_SIZE + 32] as const

/** Requests that wait for the board's answers. More of them are not forwarded: the driver waits until its time-out. */
export const MOST_REQUESTS = 256

export class MessageForwarder {
  /** How many requests and events, and how many chains, went to the board. */
  readonly counts = { requests: 0, events: 0 }
  readonly #bus: Bus
  readonly #driver: DriverSide
  /** By device and index. */
  readonly #queues = new Map<string, ForwardedQueue>()
  readonly #offs: (() => void)[]
  /** Devices whose status the driver has written since their last reset. */
  readonly #driven = new Set<number>()
  /** Raised when a driver's epoch is over. An answer for an earlier epoch is dropped. */
  #epoch = 0
  #requestsInFlight = 0

  constructor(bus: Bus, driver: DriverSide) {
    this.#bus = bus
    this.#driver = driver
    this.#offs = [
      bus.onEvent.on((devNum, msgId, frame) => this.#eventFromDevice(devNum, msgId, frame)),
      bus.onDevice.on((event) => {
        const frame = allocateBytes(EVENT_DEVICE_SIZE)
        encodeEventDevice(frame, event)
        this.#driver.send(frame)
        if (event.busState === DEVICE_REMOVED) this.#forgetDevice(event.deviceNumber)
      }),
      bus.onLost.on(() => this.#forgetAll()),
    ]
  }

  /** A new driver: the queues of the one before are forgotten. */
  reset(): void {
    this.#epoch++
    this.#forgetAll()
  }

  /** The driver has gone. Settles when its devices are reset, so that none of them uses its rings any more. */
  async leave(): Promise<void> {
    const driven = [...this.#driven]
    this.#epoch++
    await Promise.allSettled(
      driven.map((devNum) => {
        const frame = allocateBytes(SET_DEVICE_STATUS_SIZE)
        encodeSetDeviceStatusRequest(frame, devNum, 0)
        return this.#bus.request(frame)
      }),
    )
    this.#forgetAll()
  }

  /** Whether a queue, or a chain that the device has, lies in these bytes of the driver's window. */
  uses(address: number, lengthBytes: number): boolean {
    return [...this.#queues.values()].some((queue) => queue.uses(address, lengthBytes))
  }

  #forgetAll(): void {
    for (const queue of this.#queues.values()) queue.forget()
    this.#queues.clear()
    this.#driven.clear()
  }

  close(): void {
    for (const off of this.#offs) off()
    this.reset()
  }

  /** A frame from the driver. Never throws on its bytes. What is malformed is not forwarded. */
  take(bytes: Uint8Array): void {
    if (bytes.length < HEADER_SIZE || getU16(bytes, 6) < HEADER_SIZE || getU16(bytes, 6) > bytes.length)
      return
    const frame = ownedCopyOf(bytes.subarray(0, getU16(bytes, 6)))
    const [type = 0, msgId = 0] = frame
    if (type & TYPE_RESPONSE) return
    const isRequest = (msgId & EVENT_BIT) === 0
    // not longer than the driver was told, and not longer than a packet to the board
    if (frame.length > this.#bus.hello.maxMessageSize) {
      if (isRequest) this.#driver.refuse?.(frame, EMSGSIZE)
    } else if (isRequest) void this.#request(frame)
    else if ((type & TYPE_BUS) === 0) this.#eventFromDriver(frame)
  }

  async #request(frame: HostBytes): Promise<void> {
    if (this.#requestsInFlight >= MOST_REQUESTS) {
      this.#driver.refuse?.(frame, EBUSY)
      return
    }
    this.counts.requests++
    const epoch = this.#epoch
    const token = getToken(frame)
    const isTransport = ((frame[0] as number) & TYPE_BUS) === 0
    if (isTransport && frame[1] === ids.SET_VQUEUE) this.#translateSetting(frame)
    if (isTransport && frame[1] === ids.SET_DEVICE_STATUS) this.#driven.add(getU16(frame, 2))
    const asked = ownedCopyOf(frame)
    let response: HostBytes
    this.#requestsInFlight++
    try {
      response = ownedCopyOf(await this.#bus.request(frame))
    } catch (error) {
      // where nobody can tell the driver, it waits until its own time-out, or until its bus ends
      const isLate = error instanceof VirtioMsgError && error.code === "TIMEOUT"
      if (epoch === this.#epoch) this.#driver.refuse?.(asked, isLate ? ETIMEDOUT : ENODEV)
      return
    } finally {
      this.#requestsInFlight--
    }
    if (epoch !== this.#epoch) return
    if (isTransport) this.#translateResponse(asked, response)
    putToken(response, token)
    this.#driver.send(response)
  }

  /** SET_VQUEUE: the addresses become those of our own ring. Without one they become 0, which no device takes. */
  #translateSetting(frame: HostBytes): void {
    if (frame.length < SET_VQUEUE_REQUEST_SIZE) return
    const flags = getU32(frame, FLAGS)
    if ((flags & IGNORES) === IGNORES) return // no address in it
    const [devNum, index] = [getU16(frame, 2), getU32(frame, INDEX)]
    const key = `${devNum}:${index}`
    const before = this.#queues.get(key)
    const kept = before && [before.driver.desc, before.driver.avail, before.driver.used]
    const ignores = [VQUEUE_DESC_IGNORE, VQUEUE_DRIVER_IGNORE, VQUEUE_DEVICE_IGNORE]
    const [desc = 0, avail = 0, used = 0] = ADDRESSES.map((at, part) => {
      if (flags & (ignores[part] as number)) return kept?.[part] ?? 0
      return getAddress(frame, at)
    })
    const size = flags & VQUEUE_SIZE_IGNORE ? (before?.driver.size ?? 0) : getU32(frame, SIZE)
    // an enabled queue may not be configured again. The device refuses that, and its ring stays
    if (before && before.carriedCount > 0) {
      this.#putAddresses(frame, before)
      return
    }
    before?.forget()
    this.#queues.delete(key)
    const driver = { index, size, desc, avail, used }
    const queue = ForwardedQueue.lay(this.#bus, devNum, this.#driver.window, driver, {
      holdRoom: (asking) => [...this.#queues.values()].some((other) => other !== asking && other.holdsRoom),
      onRefused: () => this.#tellUsed(devNum, index),
    })
    if (queue) this.#queues.set(key, queue)
    this.#putAddresses(frame, queue)
  }

  /** Writes the device's addresses of a queue into a frame; 0 without a queue. */
  #putAddresses(frame: HostBytes, queue: ForwardedQueue | undefined): void {
    const { bases } = this.#bus.window
    const { desc = 0, avail = 0, used = 0 } = queue?.offsets ?? {}
    const bounds = [
      [bases.driver, desc],
      [bases.driver, avail],
      [bases.device, used],
    ] as const
    for (const [part, [base, offset]] of bounds.entries()) {
      const at = ADDRESSES[part] as number
      putU32(frame, at, queue ? base.low + offset : 0)
      putU32(frame, at + 4, queue ? base.high : 0)
    }
  }

  #translateResponse(request: HostBytes, response: HostBytes): void {
    const devNum = getU16(request, 2)
    switch (request[1]) {
      case ids.GET_DEVICE_FEATURES:
        hideFeatures(response)
        break
      case ids.GET_VQUEUE:
        this.#translateQueue(devNum, response)
        break
      case ids.RESET_VQUEUE:
        if (request.length >= INDEX + 4) this.#forget(`${devNum}:${getU32(request, INDEX)}`)
        break
      case ids.SET_DEVICE_STATUS:
      case ids.GET_DEVICE_STATUS:
        // the reset is complete: until then the device may use its rings
        if (response.length >= INDEX + 4 && getU32(response, INDEX) === 0) this.#forgetDevice(devNum)
        break
    }
  }

  /** GET_VQUEUE: the driver sees its own addresses, and a size that we have room for. */
  #translateQueue(devNum: number, response: HostBytes): void {
    if (response.length < GET_VQUEUE_RESPONSE_SIZE) return
    putU32(response, MAX_SIZE, largestQueue(this.#bus.window, getU32(response, MAX_SIZE)))
    const queue = this.#queues.get(`${devNum}:${getU32(response, INDEX)}`)
    if (!queue || getU32(response, SIZE) === 0) return
    const { desc, avail, used } = queue.driver
    for (const [part, address] of [desc, avail, used].entries())
      putAddress(response, ADDRESSES[part] as number, address)
  }

  #forgetDevice(devNum: number): void {
    this.#driven.delete(devNum)
    for (const key of [...this.#queues.keys()]) if (key.startsWith(`${devNum}:`)) this.#forget(key)
  }

  #forget(key: string): void {
    this.#queues.get(key)?.forget()
    this.#queues.delete(key)
    this.#goOn()
  }

  /** Room was given back: chains of any queue may have waited for it. */
  #goOn(): void {
    for (const [key, queue] of this.#queues)
      if (queue.goOn() > 0) this.#tellUsed(Number(key.split(":")[0]), queue.driver.index)
  }

  #eventFromDriver(frame: HostBytes): void {
    if (frame[1] !== ids.EVENT_AVAIL || frame.length < INDEX + 8) return
    this.counts.events++
    const queue = this.#queues.get(`${getU16(frame, 2)}:${getU32(frame, INDEX)}`)
    if (queue && queue.available() > 0) this.#tellUsed(getU16(frame, 2), queue.driver.index)
  }

  #eventFromDevice(devNum: number, msgId: number, frame: Uint8Array): void {
    if (msgId !== ids.EVENT_USED) {
      this.#driver.send(ownedCopyOf(frame))
      return
    }
    if (frame.length < INDEX + 4) return
    const index = getU32(ownedCopyOf(frame), INDEX)
    if ((this.#queues.get(`${devNum}:${index}`)?.used() ?? 0) === 0) return
    this.#tellUsed(devNum, index)
    this.#goOn()
  }

  #tellUsed(devNum: number, index: number): void {
    const event = allocateBytes(EVENT_USED_SIZE)
    encodeEventUsed(event, devNum, index)
    this.#driver.send(event)
  }
}
