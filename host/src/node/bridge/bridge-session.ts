// A device model's session with the kernel on /dev/virtio-msg-bridge (docs/bridge.md): epochs, topology, windows of
// memory, and messages. The kernel is not trusted: whatever breaks the interface ends the session, with a sentence.

import { constants } from "node:os"
import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import {
  EVENT_BIT,
  getToken,
  TYPE_BUS,
  TYPE_RESPONSE,
} from "../../../../shared-protocol/src/messages/header.js"
import { type Clock, systemClock } from "../../clock.js"
import { counted } from "../../counted.js"
import { Emitter } from "../../emitter.js"
import { VirtioMsgError } from "../../errors.js"
import type { DriverSide } from "../message-forwarder.js"
import { Outbox } from "../outbox.js"
import type { Watch } from "../vhost-user/libc.js"
import { Doorbell } from "./doorbell.js"
import { frameIn, isReservedZero, payloadOf, sessionOver } from "./kernel-message.js"
import * as layouts from "./layouts.js"
import type { AttachedRings, BridgeNode, EndpointAddress } from "./node.js"
import { BridgeConsumer, BridgeProducer, SharedRing } from "./ring.js"
import type { Fields, Struct, StructValues } from "./struct.js"
import { BridgeWindows } from "./windows.js"

/** The least that a bus's largest message may be. */
const LEAST_MESSAGE = 52
const OFFLINE = 0n
const { EINVAL, EMSGSIZE, ENODEV } = constants.errno

export interface BridgeSessionOptions {
  readonly address: EndpointAddress
  /** The largest message in bytes that we take: at least LEAST_MAX_MESSAGE_SIZE. */
  readonly maxMessageSize: number
  readonly clock?: Clock
}

export class BridgeSession implements DriverSide {
  readonly window: BridgeWindows
  /** A transport message of the driver. Its device is in the topology. The receiver may keep the bytes. */
  readonly onFrame = new Emitter<[frame: Uint8Array]>()
  /** An epoch began: the topology has to be published. */
  readonly onOnline = new Emitter<[]>()
  /** The epoch is over, and everything in it is void. The session lasts. */
  readonly onOffline = new Emitter<[]>()
  /** The session is over: called once, and not after `close`. */
  readonly onEnd = new Emitter<[error: VirtioMsgError]>()
  /** The largest message of this epoch, in bytes. */
  maxMessageSize = 0
  readonly #node: BridgeNode
  readonly #handle: number
  readonly #options: BridgeSessionOptions
  readonly #rings: AttachedRings
  readonly #incoming: BridgeConsumer
  readonly #outbox: Outbox
  readonly #doorbell: Doorbell
  readonly #watch: Watch
  /** 0 while offline. */
  #epoch = OFFLINE
  #lastEpoch = OFFLINE
  /** The devices that the kernel knows of in this epoch. None before the first topology. */
  #devices: ReadonlySet<number> = new Set()
  #isClosed = false

  /**
   * Attaches to an endpoint. Throws SystemError for what the kernel refuses, VERSION_MISMATCH, or PROTOCOL for an answer
   * that makes no sense; the node is closed then.
   */
  constructor(node: BridgeNode, options: BridgeSessionOptions) {
    this.#node = node
    this.#options = options
    const { clock = systemClock, maxMessageSize } = options
    this.window = new BridgeWindows((offset, lengthBytes) => node.map(offset, lengthBytes))
    try {
      this.#handle = node.resolve(options.address, true)
      this.#rings = node.attach(this.#handle, maxMessageSize)
      this.#checkVersion()
      const entrySize = layouts.entrySizeFor(maxMessageSize)
      this.#incoming = new BridgeConsumer(new SharedRing("rx", this.#rings.rx, entrySize))
      this.#doorbell = new Doorbell(() => this.#rings.kick())
      this.#outbox = new Outbox(new BridgeProducer(new SharedRing("tx", this.#rings.tx, entrySize)), clock, {
        onSent: () => this.#doorbell.moved(),
        onDue: () => this.#guarded(() => this.#outbox.flush()),
        stuck: (waiting) => sessionOver(`${waiting} wait: the kernel takes none out of its ring.`),
      })
      const { flags, epoch, maxMessageSize: negotiated } = this.#rings.caps
      if ((flags & layouts.CAP_ONLINE) !== 0) this.#begin(epoch, negotiated)
    } catch (error) {
      node.close()
      throw error
    }
    // handles what was told before anybody listened
    this.#watch = this.#rings.onCall(() => this.#drain())
    setImmediate(() => {
      if (this.isOnline) this.onOnline.emit()
      this.#drain()
    })
  }

  get isOnline(): boolean {
    return this.#epoch !== OFFLINE
  }

  /** Tells the kernel all devices that there are. Does nothing while offline. */
  publish(deviceNumbers: readonly number[]): void {
    if (this.#isClosed || !this.isOnline) return
    const epoch = this.#epoch
    this.#guarded(() => {
      this.#say(layouts.TOPOLOGY_RESET, layouts.RESET_PAYLOAD, { epoch })
      for (const devNum of deviceNumbers)
        this.#say(layouts.TOPOLOGY_DEV_ADD, layouts.DEV_ADD_PAYLOAD, { epoch, devNum })
      this.#say(layouts.TOPOLOGY_COMMIT, layouts.COMMIT_PAYLOAD, { epoch, count: deviceNumbers.length })
    })
    this.#devices = new Set(deviceNumbers)
  }

  /** Sends a device's frame. Drops frames of the bus, and those of devices that the kernel does not know. */
  send(frame: Uint8Array): void {
    const [type = 0] = frame
    if (this.#isClosed || !this.isOnline || (type & TYPE_BUS) !== 0) return
    if (!this.#devices.has(getU16(frame, 2))) return
    if (frame.length > this.maxMessageSize) {
      if (type & TYPE_RESPONSE) this.refuse(frame, EMSGSIZE)
      return
    }
    this.#guarded(() => this.#outbox.put(frame))
    // somebody may wait for it: what else this turn brings is not waited for
    this.#doorbell.ringIfDue()
  }

  /** Says that a request gets no answer, and why: an errno above 0. */
  refuse(request: Uint8Array, errno: number): void {
    if (this.#isClosed || !this.isOnline) return
    const values = { devNum: getU16(request, 2), msgId: request[1] ?? 0, error: -errno }
    this.#guarded(() => this.#say(layouts.ERROR, layouts.ERROR_PAYLOAD, values, { token: getToken(request) }))
  }

  /** Where many windows are mapped, unmaps those that the kernel need not have kept and `isUsed` does not need. */
  tidy(isUsed: (address: number, lengthBytes: number) => boolean): void {
    for (const place of this.window.tidy(isUsed))
      this.#guarded(() =>
        this.#say(layouts.MAP_RELEASED, layouts.RELEASED_PAYLOAD, { epoch: this.#epoch, ...place }),
      )
  }

  /** Detaches. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#watch.close()
    this.#outbox.close()
    this.#doorbell.ringIfDue()
    this.window.clear()
    for (const undo of [() => this.#node.detach(), () => this.#node.release(this.#handle)]) {
      try {
        undo()
      } catch {
        // the kernel ended the session before we did
      }
    }
    this.#node.close()
  }

  #checkVersion(): void {
    const { version } = this.#rings.caps
    if (version === layouts.BRIDGE_VERSION) return
    throw new VirtioMsgError(
      "VERSION_MISMATCH",
      `The kernel speaks version ${version} of ${layouts.BRIDGE_NODE}, and this ${layouts.BRIDGE_VERSION}.`,
      { hint: "Take the version of this package that fits the kernel: docs/bridge.md." },
    )
  }

  /** Takes what is in the ring, at most one lap: a kernel that never stops writing keeps nothing else waiting. */
  #drain(): void {
    if (this.#isClosed) return
    let count = 0
    this.#guarded(() => {
      this.#outbox.flush()
      for (; count < layouts.RING_ENTRIES && this.#outbox.isEmpty && !this.#isClosed; count++) {
        const slot = this.#incoming.peek()
        if (slot === undefined) break
        this.#take(slot)
        if (this.#isClosed) return // a listener has ended the session
        this.#incoming.release()
        this.#doorbell.moved()
      }
    })
    if (this.#isClosed) return
    if (count === 0) {
      if (this.#rings.isOver()) this.#end(sessionOver("The kernel ended the session."))
      return
    }
    if (count === layouts.RING_ENTRIES) setImmediate(() => this.#drain())
  }

  #take(slot: Uint8Array): void {
    // the bridge's own messages may be longer than the transport's limit allows
    const frame = frameIn(slot, Math.max(this.maxMessageSize, layouts.LEAST_MAX_MESSAGE_SIZE))
    const [type = 0, msgId = 0] = frame
    if ((type & TYPE_BUS) !== 0) this.#takeBus(type, msgId, frame)
    else if ((type & TYPE_RESPONSE) === 0 && this.isOnline) this.#takeTransport(msgId, frame)
  }

  #takeTransport(msgId: number, frame: Uint8Array): void {
    if (this.#devices.has(getU16(frame, 2))) this.onFrame.emit(frame)
    else if ((msgId & EVENT_BIT) === 0) this.refuse(frame, ENODEV)
  }

  #takeBus(type: number, msgId: number, frame: Uint8Array): void {
    if ((type & TYPE_RESPONSE) !== 0) return
    switch (msgId) {
      case layouts.ENDPOINT_ONLINE: {
        const { epoch, maxMessageSize } = payloadOf(frame, layouts.ONLINE_PAYLOAD)
        if (epoch <= this.#lastEpoch) break
        if (this.isOnline) this.#offline()
        this.#begin(epoch, maxMessageSize)
        this.onOnline.emit()
        break
      }
      case layouts.ENDPOINT_OFFLINE:
        if (this.#isCurrent(payloadOf(frame, layouts.OFFLINE_PAYLOAD).epoch)) this.#offline()
        break
      case layouts.MAP_ADD: {
        const request = payloadOf(frame, layouts.MAP_ADD_PAYLOAD)
        if (!this.#isCurrent(request.epoch)) break
        const isRetained = request.flags === layouts.MAP_RETAIN
        const isKnown = (isRetained || request.flags === 0) && isReservedZero(frame, layouts.MAP_ADD_PAYLOAD)
        this.#answerMap(frame, request, isKnown ? this.window.add({ ...request, isRetained }) : EINVAL)
        break
      }
      case layouts.MAP_DEL: {
        const request = payloadOf(frame, layouts.MAP_DEL_PAYLOAD)
        if (this.#isCurrent(request.epoch)) this.#answerMap(frame, request, this.window.remove(request))
        break
      }
    }
  }

  #answerMap(
    frame: Uint8Array,
    { epoch, seq, id }: { readonly epoch: bigint; readonly seq: bigint; readonly id: bigint },
    errno: number,
  ): void {
    const values = { epoch, seq, id, status: -errno }
    this.#say(frame[1] as number, layouts.MAP_ANSWER_PAYLOAD, values, { token: getToken(frame) })
  }

  /** Whether a message is of this epoch, and not stale. Throws PROTOCOL for an epoch that has not begun. */
  #isCurrent(epoch: bigint): boolean {
    if (epoch > this.#lastEpoch)
      throw sessionOver(`The kernel sent a message of epoch ${epoch}, and this is epoch ${this.#lastEpoch}.`)
    return this.isOnline && epoch === this.#epoch
  }

  #begin(epoch: bigint, maxMessageSize: number): void {
    if (epoch === OFFLINE || maxMessageSize < LEAST_MESSAGE)
      throw sessionOver(
        `The kernel began epoch ${epoch} with messages of at most ${counted(maxMessageSize, "byte")}.`,
      )
    this.#epoch = epoch
    this.#lastEpoch = epoch
    this.maxMessageSize = Math.min(maxMessageSize, this.#options.maxMessageSize)
  }

  #offline(): void {
    this.#epoch = OFFLINE
    this.#devices = new Set()
    this.window.clear()
    this.onOffline.emit()
  }

  #say<F extends Fields>(
    msgId: number,
    payload: Struct<F>,
    values: StructValues<F>,
    answers?: { readonly token: number },
  ): void {
    this.#outbox.put(layouts.bridgeFrame(msgId, payload, values, answers))
  }

  /** Ends the session because of what the kernel did wrong. */
  #guarded(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#end(error)
    }
  }

  #end(error: unknown): void {
    if (!(error instanceof VirtioMsgError)) throw error
    if (this.#isClosed) return
    this.close()
    this.onEnd.emit(error)
  }
}
