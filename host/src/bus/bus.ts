// The driver side of the bus: requests, events, and a new epoch when the device starts again (virtio-msg "Bus
// Operation", B1 to B53; docs/bus.md).

import {
  DEVICE_REMOVED,
  type DeviceEvent,
  decodeEventDevice,
  decodePingResponse,
  encodePingRequest,
  PING_SIZE,
} from "../../../shared-protocol/src/messages/bus.js"
import {
  decodeHeader,
  EVENT_BIT,
  TYPE_BUS,
  TYPE_RESPONSE,
} from "../../../shared-protocol/src/messages/header.js"
import type { HelloResponse } from "../../../shared-protocol/src/messages/hello.js"
import { EVENT_DEVICE } from "../../../shared-protocol/src/messages/ids.js"
import { allocateBytes, type HostBytes } from "../bytes.js"
import { type Clock, systemClock, type Timer } from "../clock.js"
import { Emitter } from "../emitter.js"
import { VirtioMsgError } from "../errors.js"
import type { Link } from "../link/link.js"
import { Trace } from "../trace/trace.js"
import { discover } from "./discovery.js"
import { PendingRequests } from "./pending-requests.js"
import { RequestGate } from "./request-gate.js"
import { Session } from "./session.js"
import { Window } from "./window.js"

/** Every request is answered or given up within this time (B16, B18, D11). */
export const REQUEST_TIMEOUT_MS = 1000
/** Between two attempts to start a new epoch after one was lost. */
const RECONNECT_MS = 250
/** How many attempts are made by themselves; each call after them makes one. */
const RECONNECT_TRIES = 4
/** How often to look for a link that is gone, while nobody calls. */
const REOPEN_MS = 500

export interface BusOptions {
  readonly clock?: Clock
  /** 0 <= x < 1; only epochs and ping data are made of it. */
  readonly random?: () => number
  /** Told of everything that crosses the link, from the first packet on. */
  readonly trace?: Trace
  /**
   * Open the link again after it was gone (a board that was unplugged): at every call, and by itself every 0.5 s
   * until `close`. False when absent: the bus ends with its link.
   */
  readonly reopen?: boolean
}

/**
 * A connected bus: requests, events, devices. `openBus` wraps one and has the drivers, too.
 *
 * @example
 * ```ts
 * import { Bus, makeLink } from "virtio-msg"
 *
 * const bus = await Bus.open(await makeLink("sim"))
 * console.log(bus.hello.revision) // 1
 * const [first] = await bus.devices()
 * console.log(first) // 0
 * await bus.close()
 * ```
 */
export class Bus {
  /** A transport event of a device. */
  readonly onEvent: Emitter<[devNum: number, msgId: number, frame: Uint8Array]> = new Emitter()
  /** A device came or went (EVENT_DEVICE). */
  readonly onDevice = new Emitter<[event: DeviceEvent]>()
  /** The epoch ended: every device must be initialised again. */
  readonly onLost = new Emitter<[error: VirtioMsgError]>()
  /** A new epoch began after one was lost. */
  readonly onUp = new Emitter<[]>()
  /** A line that the device logged. */
  readonly onLog = new Emitter<[line: string]>()
  readonly clock: Clock
  readonly link: Link
  readonly session: Session
  readonly trace: Trace
  /** What is shared with the device; new with every epoch. */
  window = Window.empty()
  /** Counts epochs. */
  generation = 0
  /** Messages that no one waits for, or that are malformed: discarded (D10). */
  discardedCount = 0

  readonly #random: () => number
  readonly #pending: PendingRequests
  readonly #gate: RequestGate
  readonly #isReopening: boolean
  #hello: HelloResponse | undefined
  /** Settles when the connecting that is under way does; undefined while connected. */
  #connecting: Promise<void> | undefined
  #isUp = false
  #isLinkOpen = false
  /** Why the link is not there, while it may come back. */
  #goneBy: VirtioMsgError | undefined
  #retryTimer: Timer | undefined
  /** Attempts to connect that failed since the bus was lost. */
  #failedTries = 0
  #closedBy: VirtioMsgError | undefined

  private constructor(link: Link, options: BusOptions) {
    this.link = link
    this.clock = options.clock ?? systemClock
    this.#random = options.random ?? Math.random
    this.trace = options.trace ?? new Trace(this.clock)
    this.#gate = new RequestGate(this.clock)
    this.#isReopening = options.reopen ?? false
    this.session = new Session(link, this.clock, this.#random, this.trace)
    this.#pending = new PendingRequests(this.session, this.clock)
    this.session.onMessage.on((frame) => this.#takeMessage(frame))
    this.session.onLost.on((error) => this.#lost(error))
  }

  /**
   * Opens the link and starts an epoch. Rejects with CONNECT_FAILED, NOT_FOUND, PROTOCOL or VERSION_MISMATCH.
   */
  static async open(link: Link, options: BusOptions = {}): Promise<Bus> {
    const bus = new Bus(link, options)
    await bus.#openLink()
    try {
      bus.#connecting = bus.#connect() // a board that announces itself meanwhile starts no second attempt
      await bus.#connecting
    } catch (error) {
      await bus.close()
      throw error
    } finally {
      bus.#connecting = undefined
    }
    return bus
  }

  /** What the device said in HELLO: the bus parameters, among others (B5). */
  get hello(): HelloResponse {
    if (!this.#hello) throw new Error("the bus has not connected yet")
    return this.#hello
  }

  /**
   * Settles when the bus is connected, which it tries to be if it is not; rejects with why it cannot be:
   * LINK_CLOSED for good, or while the board is away; CONNECT_FAILED until the next call.
   */
  async whenUp(): Promise<void> {
    if (this.#isUp) return
    if (this.#closedBy) throw this.#closedBy
    this.#connecting ??= this.#reconnect().finally(() => {
      this.#connecting = undefined
    })
    await this.#connecting
  }

  /**
   * Sends a request and resolves with its response. Rejects, and does so exactly once (B17), with TIMEOUT,
   * DEVICE_RESTARTED or LINK_CLOSED. The token of `frame` is overwritten.
   */
  async request(frame: Uint8Array, timeoutMs = REQUEST_TIMEOUT_MS): Promise<Uint8Array> {
    await this.whenUp()
    if (!this.#gate.tryEnter()) await this.#gate.enter(timeoutMs)
    try {
      if (!this.#isUp) await this.whenUp() // the bus was lost in the turn in which a place became free
      return await this.#pending.send(frame, timeoutMs)
    } finally {
      this.#gate.leave()
    }
  }

  /** Sends an event, unless the same waits to be sent. It has no answer and is not confirmed. */
  event(frame: Uint8Array): void {
    this.session.postOnce(frame)
  }

  /** The numbers of all devices on the bus, ascending (B15, D-side of GET_DEVICES). */
  async devices(): Promise<number[]> {
    await this.whenUp()
    return discover((frame) => this.request(frame))
  }

  /** Sends a PING and resolves with the round-trip time in milliseconds. */
  async ping(): Promise<number> {
    await this.whenUp()
    const startMs = this.clock.now()
    const data = Math.floor(this.#random() * 0x100000000)
    const frame = allocateBytes(PING_SIZE)
    encodePingRequest(frame, data)
    const response = decodePingResponse(await this.request(frame))
    if (!response.ok || response.value !== data)
      throw new VirtioMsgError("PROTOCOL", "PING came back with other data than it took.")
    return this.clock.now() - startMs
  }

  /** Closes the bus and its link: calls in flight reject with LINK_CLOSED, and nothing is left behind. */
  async close(): Promise<void> {
    if (this.#closedBy) return
    this.#end(new VirtioMsgError("LINK_CLOSED", "The bus was closed.", { maybeExecuted: true }))
    this.session.stop()
    this.#retryTimer?.cancel()
    await this.link.close()
  }

  async #openLink(): Promise<void> {
    if (this.#isLinkOpen) return
    await this.link.open({
      onPacket: (packet) => this.session.receive(packet),
      onClose: (reason) => this.#linkClosed(reason),
      onLog: (line) => this.onLog.emit(line),
      onAnnounce: () => this.#announced(),
    })
    if (this.#closedBy) {
      await this.link.close() // somebody closed the bus meanwhile
      throw this.#closedBy
    }
    this.#isLinkOpen = true
    this.#goneBy = undefined
  }

  async #connect(): Promise<void> {
    const hello = await this.session.connect()
    if (this.#closedBy) throw this.#closedBy
    this.#hello = hello
    this.#isUp = true
    this.generation++
    const { outgoing, incoming } = this.session.mailbox
    this.window = new Window(outgoing, incoming as HostBytes, this.link.windowBases)
    this.trace.onState.emit("up", `${hello.board} on ${this.link.name}, epoch 0x${hello.epoch.toString(16)}`)
  }

  #takeMessage(frame: Uint8Array): void {
    const header = decodeHeader(frame)
    if (!header.ok) {
      this.discardedCount++
      return
    }
    const { type, msgId, devNum } = header.value
    if (type & TYPE_RESPONSE) {
      if (!this.#pending.answer(header.value, frame)) this.discardedCount++
    } else if (type & TYPE_BUS) {
      const event = msgId === EVENT_DEVICE ? decodeEventDevice(frame) : undefined
      if (event?.ok) this.#takeDeviceEvent(event.value)
      else this.discardedCount++
    } else if (msgId & EVENT_BIT) this.onEvent.emit(devNum, msgId, frame)
    else this.discardedCount++
  }

  /** Nobody answers any more what a device was asked that is gone. */
  #takeDeviceEvent(event: DeviceEvent): void {
    if (event.busState === DEVICE_REMOVED) {
      const error = new VirtioMsgError(
        "DEVICE_REMOVED",
        `Device ${event.deviceNumber} was removed from the bus.`,
        { maybeExecuted: true },
      )
      this.#pending.failDevice(event.deviceNumber, error)
    }
    this.onDevice.emit(event)
  }

  /** The device says that it has heard nobody for a while: it may have started again, or have woken up. */
  #announced(): void {
    if (this.#isUp) this.session.probe()
    else if (this.#isLinkOpen) this.whenUp().catch(() => {})
  }

  #linkClosed(reason: Error | undefined): void {
    if (this.#closedBy) return
    this.#isLinkOpen = false
    const error = new VirtioMsgError("LINK_CLOSED", `${this.link.name} is gone.`, {
      hint: "Plug the board in again.",
      cause: reason,
      maybeExecuted: true,
    })
    if (this.#isReopening) this.#goneBy = error
    else this.#end(error)
    this.session.closed(error)
  }

  /** Ends the bus for good. */
  #end(error: VirtioMsgError): void {
    this.#closedBy = error
    const wasUp = this.#isUp
    this.#isUp = false
    this.#pending.fail(error)
    this.#gate.refuse(error)
    this.trace.onState.emit("closed", error.message)
    if (wasUp) this.onLost.emit(error)
  }

  /** The session's epoch is over: everything in flight fails, and a new epoch is started at once. */
  #lost(error: VirtioMsgError): void {
    if (!this.#isUp) return // still connecting, which rejects by itself; or closed
    this.#isUp = false
    this.#failedTries = 0
    this.#pending.fail(error)
    this.#gate.refuse(error)
    this.trace.onState.emit("lost", error.message)
    this.onLost.emit(error)
    this.whenUp().catch(() => {}) // whoever calls next hears of it
  }

  /** One attempt; whoever waits for it hears how it ended. If it failed, others follow by themselves. */
  async #reconnect(): Promise<void> {
    this.#retryTimer?.cancel()
    try {
      await this.#openLink()
      await this.#connect()
    } catch (error) {
      if (this.#closedBy) throw this.#closedBy
      this.#failedTries++
      if (this.#goneBy) {
        this.#retryLater(REOPEN_MS) // who waits for events and never calls wants the board back, too
        throw this.#goneBy.asUnexecuted()
      }
      if (this.#failedTries < RECONNECT_TRIES) this.#retryLater(RECONNECT_MS)
      throw error
    }
    this.#failedTries = 0
    this.onUp.emit()
  }

  #retryLater(delayMs: number): void {
    this.#retryTimer = this.clock.schedule(delayMs, () => {
      this.whenUp().catch(() => {})
    })
  }
}
