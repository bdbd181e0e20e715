// One connection of a vhost-user front end. Answers its messages, and sets up memory and queues ("Vhost-user
// Protocol"). A message that breaks the protocol ends the connection with one error.

import type { Clock, Timer } from "../../clock.js"
import { counted } from "../../counted.js"
import { protocolBroken, VirtioMsgError } from "../../errors.js"
import type { VhostUserDevice } from "./device.js"
import { DeviceQueue } from "./device-queue.js"
import { GuestMemory, mapGuestMemory } from "./guest-memory.js"
import { isEventfd, type Libc } from "./libc.js"
import { MessageStream } from "./message-stream.js"
import {
  decodeConfig,
  decodeMemoryTable,
  decodeNumber,
  decodeVringAddress,
  decodeVringFile,
  decodeVringState,
  encodeConfig,
  encodeNumber,
  encodeReply,
  encodeVringState,
  FEATURE_EVENT_IDX,
  FEATURE_INDIRECT_DESC,
  FEATURE_PROTOCOL_FEATURES,
  FEATURE_VERSION_1,
  type Header,
  PROTOCOL_FEATURE_CONFIG,
  PROTOCOL_FEATURE_MQ,
  PROTOCOL_FEATURE_REPLY_ACK,
  REQUEST,
  requestName,
  type VringAddress,
} from "./messages.js"

/** How long the front end waits, when it stops a queue, for the device to complete what it has. */
const DRAIN_LIMIT_MS = 2500

export interface SessionOptions {
  readonly libc: Libc
  readonly device: VhostUserDevice
  readonly clock: Clock
  /** The connection has gone, and everything that belonged to it was freed. Called once, not after `close`. */
  readonly onEnd: (reason: VirtioMsgError | undefined) => void
  /** The guest broke the device. It stands still until the guest or the front end resets it. */
  readonly onDeviceBroken: (error: VirtioMsgError) => void
}

interface Queue {
  readonly queue: DeviceQueue
  size: number
  base: number
  address: VringAddress | undefined
}

/** The outcome of a message: it is done, it has a reply or will get one later, or it breaks the protocol. */
type Outcome =
  | "done"
  | "refused"
  | "replied later"
  | { readonly reply: Uint8Array }
  | { readonly wrong: string }

type Handler = (payload: Uint8Array, descriptors: number[]) => Outcome

const DONE = encodeNumber(0n)
const REFUSED = encodeNumber(1n)

export class VhostUserSession {
  readonly #options: SessionOptions
  readonly #stream: MessageStream
  readonly #queues: Queue[]
  readonly #handlers: ReadonlyMap<number, Handler>
  #memory = new GuestMemory()
  #features = 0n
  #isClosed = false
  #drainTimer: Timer | undefined

  /** Takes over a connected socket. */
  constructor(socket: number, options: SessionOptions) {
    this.#options = options
    this.#handlers = this.#bindHandlers()
    this.#queues = Array.from({ length: options.device.queueCount }, (_, index) => ({
      queue: new DeviceQueue({
        libc: options.libc,
        maxReadableLength: options.device.maxReadableLength,
        handle: (chains) => options.device.handle(index, chains),
        onBroken: (reason) => this.#deviceIsBroken(index, reason),
      }),
      size: 0,
      base: 0,
      address: undefined,
    }))
    this.#stream = new MessageStream(options.libc, socket, {
      onMessage: (header, payload, descriptors) => this.#serve(header, payload, descriptors),
      onEnd: (violation) =>
        violation === undefined ? this.#end(undefined) : this.#fail(`sent ${violation}`),
    })
  }

  /** Ends the connection: stops the queues, unmaps the guest's memory, closes every descriptor. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#drainTimer?.cancel()
    // before the socket: when QEMU sees the socket closed, it reads at once in the used rings where to go on
    for (const { queue } of this.#queues) queue.close()
    this.#stream.close()
    this.#options.device.reset()
    this.#memory.close()
  }

  #serve(header: Header, payload: Uint8Array, descriptors: number[]): void {
    const outcome = this.#handle(header, payload, descriptors)
    if (this.#isClosed || outcome === "replied later") return
    if (outcome === "done" || outcome === "refused") {
      if (header.needsReply) this.#reply(header.request, outcome === "done" ? DONE : REFUSED)
    } else if ("reply" in outcome) this.#reply(header.request, outcome.reply)
    else this.#fail(`sent ${requestName(header.request)} with ${outcome.wrong}`)
  }

  #handle(header: Header, payload: Uint8Array, descriptors: number[]): Outcome {
    const handler = this.#handlers.get(header.request)
    if (!handler) return "refused"
    try {
      return handler(payload, descriptors)
    } catch (error) {
      this.#end(
        error instanceof VirtioMsgError
          ? error
          : protocolBroken(`${requestName(header.request)} failed: ${String(error)}`, { cause: error }),
      )
      return "done"
    }
  }

  #bindHandlers(): ReadonlyMap<number, Handler> {
    const { device } = this.#options
    const offered =
      device.features |
      FEATURE_VERSION_1 |
      FEATURE_PROTOCOL_FEATURES |
      FEATURE_INDIRECT_DESC |
      FEATURE_EVENT_IDX
    const protocolFeatures =
      PROTOCOL_FEATURE_MQ | PROTOCOL_FEATURE_REPLY_ACK | (device.config ? PROTOCOL_FEATURE_CONFIG : 0n)
    const nothing: Handler = () => "done"
    return new Map<number, Handler>([
      [REQUEST.GET_FEATURES, () => ({ reply: encodeNumber(offered) })],
      [REQUEST.SET_FEATURES, (payload) => this.#setFeatures(payload)],
      [REQUEST.SET_OWNER, nothing],
      [REQUEST.RESET_OWNER, () => this.#stopAll()],
      [REQUEST.GET_PROTOCOL_FEATURES, () => ({ reply: encodeNumber(protocolFeatures) })],
      [REQUEST.SET_PROTOCOL_FEATURES, nothing],
      [REQUEST.GET_QUEUE_NUM, () => ({ reply: encodeNumber(BigInt(device.queueCount)) })],
      [REQUEST.SET_MEM_TABLE, (payload, descriptors) => this.#setMemory(payload, descriptors)],
      [REQUEST.SET_VRING_NUM, (payload) => this.#setState(payload, (queue, value) => (queue.size = value))],
      [REQUEST.SET_VRING_BASE, (payload) => this.#setState(payload, (queue, value) => (queue.base = value))],
      [REQUEST.SET_VRING_ADDR, (payload) => this.#setAddress(payload)],
      [REQUEST.GET_VRING_BASE, (payload) => this.#stopQueue(payload)],
      [
        REQUEST.SET_VRING_ENABLE,
        (payload) => this.#setState(payload, ({ queue }, value) => queue.setEnabled(value !== 0)),
      ],
      [REQUEST.SET_VRING_KICK, (payload, descriptors) => this.#setKick(payload, descriptors)],
      [
        REQUEST.SET_VRING_CALL,
        (payload, descriptors) =>
          this.#setFile(payload, descriptors, (queue, descriptor) => queue.queue.setCall(descriptor)),
      ],
      [
        REQUEST.SET_VRING_ERR,
        (payload, descriptors) =>
          this.#setFile(payload, descriptors, (queue, descriptor) => queue.queue.setError(descriptor)),
      ],
      [REQUEST.GET_CONFIG, (payload) => this.#getConfig(payload)],
      [REQUEST.SET_CONFIG, (payload) => this.#setConfig(payload)],
    ])
  }

  #setFeatures(payload: Uint8Array): Outcome {
    const features = decodeNumber(payload)
    if (features === undefined) return wrongSize(payload)
    this.#features = features
    return "done"
  }

  #setMemory(payload: Uint8Array, descriptors: number[]): Outcome {
    const regions = decodeMemoryTable(payload)
    if (!regions) return { wrong: "a memory table of a size that does not fit its count" }
    if (descriptors.length !== regions.length)
      return { wrong: `${descriptors.length} file descriptors for ${counted(regions.length, "region")}` }
    const former = this.#memory
    this.#memory = mapGuestMemory(this.#options.libc, regions, descriptors)
    // running queues go on in the new mapping first, and then the old one is unmapped
    for (const { queue, address, size } of this.#queues) {
      if (!queue.ring.isRunning || !address) continue
      const reason = queue.ring.move(this.#memory, { ...address, size })
      if (!reason) continue
      queue.stop()
      this.#fail(`sent a memory table that leaves ${reason}`)
    }
    former.close()
    return "done"
  }

  /** Carries out a message about a queue. */
  #withQueue<T extends { readonly index: number }>(
    payload: Uint8Array,
    decode: (payload: Uint8Array) => T | undefined,
    carryOut: (queue: Queue, message: T) => Outcome,
  ): Outcome {
    const message = decode(payload)
    if (!message) return wrongSize(payload)
    const queue = this.#queues[message.index]
    return queue ? carryOut(queue, message) : { wrong: `queue ${message.index}, which does not exist` }
  }

  #setState(payload: Uint8Array, set: (queue: Queue, value: number) => void): Outcome {
    return this.#withQueue(payload, decodeVringState, (queue, { value }) => {
      set(queue, value)
      return "done"
    })
  }

  #setAddress(payload: Uint8Array): Outcome {
    return this.#withQueue(payload, decodeVringAddress, (queue, address) => {
      queue.address = address
      return "done"
    })
  }

  #setFile(
    payload: Uint8Array,
    descriptors: number[],
    set: (queue: Queue, descriptor: number | undefined) => void,
  ): Outcome {
    return this.#withQueue(payload, decodeVringFile, (queue, { hasDescriptor }) => {
      const descriptor = hasDescriptor ? descriptors[0] : undefined
      if (hasDescriptor && (descriptor === undefined || !isEventfd(descriptor)))
        return { wrong: "no eventfd" }
      if (descriptor !== undefined) descriptors.shift()
      set(queue, descriptor)
      return "done"
    })
  }

  /** The eventfd for kicks starts the queue. */
  #setKick(payload: Uint8Array, descriptors: number[]): Outcome {
    let reason = ""
    const outcome = this.#setFile(payload, descriptors, (state, descriptor) => {
      state.queue.setKick(descriptor)
      if (descriptor === undefined) reason = "no eventfd, and polling is not offered"
      else if (!state.queue.ring.isRunning) reason = this.#startQueue(state)
      else state.queue.drain()
    })
    return reason ? { wrong: reason } : outcome
  }

  #startQueue(state: Queue): string {
    if (!state.address) return "no address set"
    const layout = { ...state.address, size: state.size }
    const hasEventIdx = (this.#features & FEATURE_EVENT_IDX) !== 0n
    const reason = state.queue.ring.start(this.#memory, layout, state.base, hasEventIdx)
    if (reason) return reason
    if ((this.#features & FEATURE_PROTOCOL_FEATURES) === 0n) state.queue.setEnabled(true)
    else state.queue.drain()
    return ""
  }

  /**
   * Stops a queue when the device has completed what it has, and replies with the index to go on from. Chains that are
   * given up at the time limit count as not taken. QEMU counts in the same way when a backend dies.
   */
  #stopQueue(payload: Uint8Array): Outcome {
    return this.#withQueue(payload, decodeVringState, (state, { index }) => {
      const { queue } = state
      const stop = () => {
        this.#drainTimer?.cancel()
        this.#drainTimer = undefined
        if (this.#isClosed) return
        state.base = (queue.ring.nextAvailable - queue.inFlight) & 0xffff
        queue.stop()
        if (this.#queues.every((other) => !other.queue.ring.isRunning)) this.#options.device.reset()
        this.#reply(REQUEST.GET_VRING_BASE, encodeVringState({ index, value: state.base }))
        this.#stream.resume()
      }
      if (this.#options.device.lastingQueues?.includes(index)) {
        stop()
        return "replied later"
      }
      // no further message is read before the reply to this one
      this.#stream.pause()
      this.#drainTimer = this.#options.clock.schedule(DRAIN_LIMIT_MS, stop)
      queue.finish(stop)
      return "replied later"
    })
  }

  #stopAll(): Outcome {
    for (const { queue } of this.#queues) queue.stop()
    this.#options.device.reset()
    return "done"
  }

  #getConfig(payload: Uint8Array): Outcome {
    const range = decodeConfig(payload)
    const config = this.#options.device.config
    // an empty payload says that there is no such range
    if (!range || !config || range.offset + range.bytes.length > config.length)
      return { reply: new Uint8Array(0) }
    const bytes = config.subarray(range.offset, range.offset + range.bytes.length)
    return { reply: encodeConfig({ offset: range.offset, bytes }) }
  }

  #setConfig(payload: Uint8Array): Outcome {
    const range = decodeConfig(payload)
    if (!range) return wrongSize(payload)
    const isTaken = this.#options.device.writeConfig?.(range.offset, range.bytes) ?? false
    return isTaken ? "done" : "refused"
  }

  #reply(request: number, payload: Uint8Array): void {
    if (!this.#stream.send(encodeReply(request, payload))) this.#end(undefined)
  }

  #deviceIsBroken(queueIndex: number, reason: string): void {
    this.#stopAll()
    this.#options.onDeviceBroken(
      protocolBroken(`The guest broke queue ${queueIndex} of ${this.#options.device.name}: ${reason}.`, {
        hint: "The device stands still until the guest's driver is loaded again or the guest restarts.",
      }),
    )
  }

  #fail(what: string): void {
    this.#end(protocolBroken(`The vhost-user front end ${what}.`))
  }

  #end(reason: VirtioMsgError | undefined): void {
    if (this.#isClosed) return
    this.close()
    this.#options.onEnd(reason)
  }
}

function wrongSize(payload: Uint8Array): Outcome {
  return { wrong: `a payload of ${counted(payload.length, "byte")}` }
}
