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
import { EVENT_DEVICE } from "../../../shared-protocol/src/messages/ids.js"
import { allocateBytes } from "../bytes.js"
import { type Clock, systemClock } from "../clock.js"
import { Emitter } from "../emitter.js"
import { VirtioMsgError } from "../errors.js"
import type { Link } from "../link/link.js"
import { Tap, tapLink } from "../link/tap.js"
import { type Channel, type ChannelParameters, isChannel } from "./channel.js"
import { Connection } from "./connection.js"
import { discover } from "./discovery.js"
import { busClosed, notAsSpecified } from "./failures.js"
import { PacketChannel } from "./packet-channel.js"
import { PendingRequests } from "./pending-requests.js"
import { RequestGate } from "./request-gate.js"
import { TappedChannel } from "./tapped-channel.js"
import { UsedRingPoller } from "./used-ring-poller.js"
import type { Window } from "./window.js"

/** Every request is answered or given up within this time (B16, B18, D11). */
export const REQUEST_TIMEOUT_MS = 1000

export interface BusOptions {
  readonly clock?: Clock | undefined
  /** 0 <= x < 1. Only for the numbers of epochs and the data of pings. */
  readonly random?: (() => number) | undefined
  /** Told of everything that crosses the link, from the first packet on: a `Trace`, for example. */
  readonly trace?: Tap | undefined
  /**
   * Open the link again when it has gone (a board that was unplugged): at every call, and every 0.5 s without a call,
   * until `close`. When this is false or absent, the bus ends with its link.
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
  /** What carries the messages. */
  readonly channel: Channel
  /** Told of what crosses the bus. */
  readonly trace: Tap
  /** Epochs so far: 1 in the first one, which is with a device that answered HELLO. */
  epochCount = 0
  /** Messages that were discarded, because nobody waits for them or because they are malformed (D10). */
  discardedCount = 0

  readonly #random: () => number
  readonly #pending: PendingRequests
  readonly #gate: RequestGate
  readonly #connection: Connection
  readonly #poller: UsedRingPoller

  private constructor(channel: Channel, trace: Tap, options: BusOptions) {
    this.channel = new TappedChannel(channel, trace)
    this.trace = trace
    this.clock = options.clock ?? systemClock
    this.#random = options.random ?? Math.random
    this.#gate = new RequestGate(this.clock)
    this.#pending = new PendingRequests(this.channel, this.clock)
    this.#connection = new Connection(this.channel, this.clock, options.reopen ?? false, {
      onConnected: () => {
        this.epochCount++
        this.#poller.start()
      },
      onUp: () => this.onUp.emit(),
      onLost: (error, wasUp) => this.#lost(error, wasUp),
    })
    this.#poller = new UsedRingPoller(this.channel, this.clock, (frame) => this.#takeMessage(frame))
    this.channel.onMessage.on((frame) => this.#takeMessage(frame))
    this.channel.onLog.on((line) => this.onLog.emit(line))
  }

  /**
   * Opens a link of packets, or a channel, and starts an epoch. Rejects with CONNECT_FAILED, NOT_FOUND, PROTOCOL or
   * VERSION_MISMATCH.
   */
  static async open(carrier: Link | Channel, options: BusOptions = {}): Promise<Bus> {
    const tap = options.trace ?? new Tap()
    const channel = isChannel(carrier) ? carrier : new PacketChannel(tapLink(carrier, tap), options)
    const bus = new Bus(channel, tap, options)
    try {
      await bus.#connection.start()
    } catch (error) {
      await bus.close()
      throw error
    }
    return bus
  }

  /** What the user calls it: `sim`, `/dev/ttyACM0`, `tcp://...`. */
  get name(): string {
    return this.channel.name
  }

  /** What the device said when the epoch began: the bus parameters, among others (B5). */
  get hello(): ChannelParameters {
    const { parameters } = this.channel
    if (!parameters) throw new Error("the bus has not connected yet")
    return parameters
  }

  /** What is shared with the device; new with every epoch. */
  get window(): Window {
    return this.channel.window
  }

  /**
   * Settles when the bus is connected. Begins to connect if it is not. Rejects with LINK_CLOSED when the bus is closed
   * or the board is away, and with CONNECT_FAILED when connecting failed: the next call tries again.
   */
  whenUp(): Promise<void> {
    return this.#connection.whenUp()
  }

  /**
   * Sends a request and resolves with its response. Rejects, and does so exactly once (B17), with TIMEOUT,
   * DEVICE_RESTARTED or LINK_CLOSED. The token of `frame` is overwritten.
   */
  async request(frame: Uint8Array, timeoutMs = REQUEST_TIMEOUT_MS): Promise<Uint8Array> {
    await this.whenUp()
    if (!this.#gate.tryEnter()) await this.#gate.enter(timeoutMs)
    try {
      // the bus was lost in the same turn of the event loop in which a place became free
      if (!this.#connection.isUp) await this.whenUp()
      this.#poller.note(frame)
      return await this.#pending.send(frame, timeoutMs)
    } finally {
      this.#gate.leave()
    }
  }

  /** Sends an event, unless the same waits to be sent. It has no answer and is not confirmed. */
  event(frame: Uint8Array): void {
    if (this.#poller.isPolling)
      this.channel.flush() // the device looks for itself: it must not see a notification (B40)
    else this.channel.postOnce(frame)
  }

  /** Sends soon what changed in the window, without a message. */
  flush(): void {
    this.channel.flush()
  }

  /** As `Channel.hold`: tells that an answer is awaited, until the returned function is called. Call it once. */
  hold(): () => void {
    return this.channel.hold()
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
      throw notAsSpecified("PING came back with other data than it took.")
    return this.clock.now() - startMs
  }

  /** Closes the bus and its link: calls in flight reject with LINK_CLOSED, and nothing is left behind. */
  async close(): Promise<void> {
    if (this.#connection.isEnded) return
    this.#connection.end(busClosed())
    await this.channel.close()
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

  /** A device that has gone answers no more requests. */
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

  #lost(error: VirtioMsgError, wasUp: boolean): void {
    this.#poller.stop()
    this.#pending.fail(error)
    this.#gate.refuse(error)
    if (wasUp) this.onLost.emit(error)
  }
}
