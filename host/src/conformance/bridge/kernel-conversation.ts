// What the kernel says to a device model and gets from it, above the rings: epochs, topologies, windows and their
// answers. It keeps everything in order, and judges nothing: that is up to the rows.

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import {
  HEADER_SIZE,
  putHeader,
  TYPE_BUS,
  TYPE_RESPONSE,
} from "../../../../shared-protocol/src/messages/header.js"
import { type Clock, systemClock } from "../../clock.js"
import { Emitter } from "../../emitter.js"
import { VirtioMsgError } from "../../errors.js"
import * as layouts from "../../node/bridge/layouts.js"
import type { Fields, Struct, StructValues } from "../../node/bridge/struct.js"
import { type Exchange, waitUntil } from "../conversation.js"
import type { PlayedKernel } from "./played-kernel.js"

/** How long a model may take to start and attach, and to answer. */
export const START_LIMIT_MS = 20_000
export const ANSWER_LIMIT_MS = 1000
/** Tokens of the kernel's map requests begin here. Smaller ones belong to the transport. */
const FIRST_MAP_TOKEN = 0x8000

/** A frame from the model, decoded as far as possible. */
export interface Said {
  readonly frame: Uint8Array
  readonly type: number
  readonly msgId: number
  readonly devNum: number
  readonly token: number
  readonly size: number
  /** The newest epoch that the model could know of by then. */
  readonly epoch: bigint
}

/** A map request: what its answer has of its header. */
interface Asked {
  readonly msgId: number
  readonly token: number
}

export type MapAdd = StructValues<typeof layouts.MAP_ADD_PAYLOAD extends Struct<infer F> ? F : never>
export type MapDel = StructValues<typeof layouts.MAP_DEL_PAYLOAD extends Struct<infer F> ? F : never>

export class KernelConversation {
  readonly kernel: PlayedKernel
  readonly clock: Clock
  /** All that came from the model, in order. */
  readonly said: Said[] = []
  readonly onTransport = new Emitter<[frame: Uint8Array]>()
  /** A topology was committed, in this epoch. */
  readonly onTopology = new Emitter<[devices: readonly number[]]>()
  /** Both directions, in order: `out` to the model. */
  readonly history: Exchange[] = []
  epoch: bigint
  #nextToken = FIRST_MAP_TOKEN
  #nextSeq = 1n
  #staged: number[] | undefined
  #topology: { readonly epoch: bigint; readonly devices: readonly number[] } | undefined
  readonly #off: () => void

  constructor(kernel: PlayedKernel, clock: Clock = systemClock) {
    this.kernel = kernel
    this.clock = clock
    this.epoch = kernel.caps.epoch
    this.#off = kernel.onActivity.on(() => this.#read())
  }

  /** The devices of the topology that was committed last in this epoch; undefined before the first. */
  get devices(): readonly number[] | undefined {
    return this.#topology?.epoch === this.epoch ? this.#topology.devices : undefined
  }

  /** Settles with the devices when the model has published them for this epoch. Rejects with TIMEOUT. */
  async awaitTopology(): Promise<readonly number[]> {
    const isThere = await this.waitUntil(() => this.devices !== undefined, START_LIMIT_MS)
    if (!isThere || !this.devices)
      throw new VirtioMsgError("TIMEOUT", "The device model does not attach and publish its devices.", {
        hint: "Does it open /dev/virtio-msg-bridge? What it says is above.",
      })
    return this.devices
  }

  /** The endpoint goes offline and comes online again. */
  async beginEpoch(): Promise<void> {
    this.offline()
    this.online(this.epoch + 1n)
  }

  offline(reason = layouts.OFFLINE_RESET, epoch = this.epoch): void {
    this.say(layouts.ENDPOINT_OFFLINE, layouts.OFFLINE_PAYLOAD, { epoch, reason })
  }

  online(epoch: bigint, maxMessageSize = this.kernel.maxMessageSize): void {
    this.epoch = epoch
    this.say(layouts.ENDPOINT_ONLINE, layouts.ONLINE_PAYLOAD, { epoch, busName: "loopback", maxMessageSize })
  }

  /** Maps a part of the window's file at a bus address. Settles with the model's status, or undefined if none came. */
  addWindow(
    address: bigint,
    at: number,
    lengthBytes: number,
    more: Partial<MapAdd> = {},
  ): Promise<number | undefined> {
    return this.answerTo(this.mapAdd(address, at, lengthBytes, more))
  }

  /** Sends a MAP_ADD. Returns its token and its fields. */
  mapAdd(address: bigint, at: number, lengthBytes: number, more: Partial<MapAdd> = {}) {
    const seq = this.#nextSeq++
    const values: MapAdd = {
      epoch: this.epoch,
      seq,
      id: seq + 100n,
      address,
      length: BigInt(lengthBytes),
      mmapOffset: BigInt(at),
      mmapLength: BigInt(lengthBytes),
      flags: layouts.MAP_RETAIN,
      ...more,
    }
    const token = this.say(layouts.MAP_ADD, layouts.MAP_ADD_PAYLOAD, values)
    return { msgId: layouts.MAP_ADD, token, values }
  }

  /** Takes back a window that MAP_ADD gave, or another one on request. */
  mapDel({ epoch, seq, id, address, length }: MapDel) {
    const values = { epoch, seq, id, address, length }
    const token = this.say(layouts.MAP_DEL, layouts.MAP_DEL_PAYLOAD, values)
    return { msgId: layouts.MAP_DEL, token, values }
  }

  /** The status that answers a map request. Undefined when none comes in time. */
  async answerTo({ msgId, token }: Asked): Promise<number | undefined> {
    const find = () =>
      this.said.find((each) => each.msgId === msgId && isAnswer(each) && each.token === token)
    await this.waitUntil(() => find() !== undefined, ANSWER_LIMIT_MS)
    const answer = find()
    if (!answer || answer.size !== HEADER_SIZE + layouts.MAP_ANSWER_PAYLOAD.size) return undefined
    return layouts.MAP_ANSWER_PAYLOAD.get(answer.frame, HEADER_SIZE).status
  }

  /** Sends a message of the bridge's; returns its token, which is 0 for an event. */
  say<F extends Fields>(msgId: number, payload: Struct<F>, values: StructValues<F>): number {
    const frame = layouts.bridgeFrame(msgId, payload, values)
    const isEvent = (msgId & 0x40) !== 0
    const token = isEvent ? 0 : this.#nextToken++
    new DataView(frame.buffer).setUint16(4, token, true)
    this.send(frame)
    return token
  }

  send(frame: Uint8Array): void {
    this.history.push({ direction: "out", frame, atMs: this.clock.now() })
    this.kernel.send(frame)
  }

  /** A header alone, of any type, with so many bytes of payload. */
  bare(type: number, msgId: number, payloadBytes: number, devNum = 0): Uint8Array {
    const frame = new Uint8Array(HEADER_SIZE + payloadBytes)
    putHeader(frame, type, msgId, devNum, frame.length)
    return frame
  }

  /** Waits until `isDone`, asked whenever something came and every 20 ms; false if the time ran out. */
  waitUntil(isDone: () => boolean, limitMs = ANSWER_LIMIT_MS): Promise<boolean> {
    return waitUntil(this.clock, this.kernel.onActivity, isDone, limitMs)
  }

  detach(): void {
    this.#off()
  }

  #read(): void {
    const { taken } = this.kernel
    while (this.said.length < taken.length) this.#hear(taken[this.said.length] as Uint8Array)
  }

  #hear(slot: Uint8Array): void {
    const size = Math.min(getU16(slot, 6), slot.length)
    const frame = slot.slice(0, size)
    const said = {
      frame,
      type: slot[0] ?? 0,
      msgId: slot[1] ?? 0,
      devNum: getU16(slot, 2),
      token: getU16(slot, 4),
      size: getU16(slot, 6),
      epoch: this.epoch,
    }
    this.said.push(said)
    this.history.push({ direction: "in", frame, atMs: this.clock.now() })
    if ((said.type & TYPE_BUS) === 0) this.onTransport.emit(frame)
    else this.#hearTopology(said)
  }

  #hearTopology({ msgId, frame }: Said): void {
    const isOf = (payload: Struct<Fields>) => frame.length === HEADER_SIZE + payload.size
    if (msgId === layouts.TOPOLOGY_RESET) this.#staged = []
    else if (msgId === layouts.TOPOLOGY_DEV_ADD && isOf(layouts.DEV_ADD_PAYLOAD))
      this.#staged?.push(layouts.DEV_ADD_PAYLOAD.get(frame, HEADER_SIZE).devNum)
    else if (msgId === layouts.TOPOLOGY_COMMIT && isOf(layouts.COMMIT_PAYLOAD) && this.#staged) {
      const { epoch } = layouts.COMMIT_PAYLOAD.get(frame, HEADER_SIZE)
      this.#topology = { epoch, devices: this.#staged }
      this.#staged = undefined
      this.onTopology.emit(this.#topology.devices)
    }
  }
}

export function isAnswer({ type }: Said): boolean {
  return (type & (TYPE_BUS | TYPE_RESPONSE)) === (TYPE_BUS | TYPE_RESPONSE)
}
