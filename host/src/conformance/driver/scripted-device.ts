// The device that the suite plays for a driver under test. It is a correct one, written for this purpose, and notes
// what it sees. Scenarios (scenarios.ts) change it.

import { getU16, getU32, putU16, putU32 } from "../../../../shared-protocol/src/bytes.js"
import { FEATURE_EVENT_IDX } from "../../../../shared-protocol/src/device-types/feature-bits.js"
import { HEADER_SIZE } from "../../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import {
  STATUS_DEVICE_NEEDS_RESET,
  STATUS_DRIVER_OK,
  STATUS_FEATURES_OK,
} from "../../../../shared-protocol/src/messages/status.js"
import { VQUEUE_ENABLE } from "../../../../shared-protocol/src/messages/vqueue.js"
import { words } from "../frames.js"
import { followChain, type SeenChain, type WindowMemory } from "./seen-chain.js"

interface Queue {
  size: number
  isEnabled: boolean
  desc: bigint
  driver: bigint
  device: bigint
  /** Free-running indexes. */
  seen: number
  used: number
}

export interface DeviceShape {
  deviceId: number
  /** Offered feature bits, in blocks of 32. */
  offered: number[]
  /** Bits that the driver must take. */
  required: number[]
  /** The largest size of each queue. 0: the queue is not available. */
  queueMaxSizes: number[]
  config: Uint8Array
  /** Fields of GET_DEVICE_INFO that are wrong on purpose. */
  lies: {
    numFeatureBlocks?: number
    configSize?: number
    maxVirtqueues?: number
    adminVqStart?: number
    adminVqCount?: number
    /** 16 bytes. */
    uuid?: readonly number[]
  }
}

/** What the device type does with a chain: it writes into the device-writable buffers, and returns how many bytes. */
export type Executor = (chain: SeenChain, device: ScriptedDevice) => number

export class ScriptedDevice {
  readonly devNum: number
  readonly shape: DeviceShape
  readonly memory: WindowMemory
  status = 0
  generation = 7
  selected: number[] = []
  queues: Queue[] = []
  /** Everything that was made available, oldest first. */
  readonly chains: SeenChain[] = []
  /** The available index at every look, to check that it never goes back while the queue stays the same one. */
  readonly availIndexes: { queue: object; idx: number; availFlags: number }[] = []
  /** flags of the used ring when its queue was enabled. */
  readonly usedFlagsAtStart: number[] = []
  /** Queues with buffers that were never notified, when the run ended. */
  unnoticedAtEnd: number[] = []
  /** How many frames have been exchanged so far. */
  exchanged = 0
  execute: Executor
  isStrict = false

  constructor(devNum: number, shape: DeviceShape, memory: WindowMemory, execute: Executor) {
    this.devNum = devNum
    this.shape = shape
    this.memory = memory
    this.execute = execute
    this.reset()
  }

  reset(): void {
    this.status = 0
    this.selected = this.shape.offered.map(() => 0)
    this.queues = this.shape.queueMaxSizes.map(() => emptyQueue())
  }

  get isLive(): boolean {
    return (this.status & (STATUS_DRIVER_OK | STATUS_DEVICE_NEEDS_RESET)) === STATUS_DRIVER_OK
  }

  /** The payload of the response to a well-formed request. Undefined for a request that gets none. */
  answer(msgId: number, payload: Uint8Array): number[] | undefined {
    const word = (offset: number) => (payload.length >= offset + 4 ? getU32(payload, offset) : 0)
    switch (msgId) {
      case ids.GET_DEVICE_INFO:
        return this.#info()
      case ids.GET_DEVICE_FEATURES: {
        const blocks = Array.from(
          { length: Math.min(word(4), 1024) },
          (_, n) => this.shape.offered[word(0) + n] ?? 0,
        )
        return words(word(0), blocks.length, ...blocks)
      }
      case ids.SET_DRIVER_FEATURES:
        for (let n = 0; n < word(4) && n < 1024; n++)
          if ((this.status & STATUS_FEATURES_OK) === 0) this.selected[word(0) + n] = word(8 + 4 * n)
        return []
      case ids.GET_CONFIG: {
        const [offset, length] = [word(0), word(4)]
        if (offset + length > this.shape.config.length) return undefined
        return [
          ...words(this.generation, offset, length),
          ...this.shape.config.subarray(offset, offset + length),
        ]
      }
      case ids.SET_CONFIG:
        return this.#setConfig(word(0), word(4), payload.subarray(12, 12 + word(8)))
      case ids.GET_DEVICE_STATUS:
        return words(this.status)
      case ids.SET_DEVICE_STATUS:
        this.#setStatus(word(0))
        return words(this.status)
      case ids.GET_VQUEUE:
        return this.#getVqueue(word(0))
      case ids.SET_VQUEUE:
        this.#setVqueue(payload)
        return []
      case ids.RESET_VQUEUE:
        if (word(0) < this.queues.length) this.queues[word(0)] = emptyQueue()
        return []
      case ids.GET_SHM:
        return words(word(0), 0, 0, 0, 0, 0)
      default:
        return undefined
    }
  }

  /** Whether a queue has chains that were not taken yet. */
  hasPending(queueIndex: number): boolean {
    const queue = this.queues[queueIndex]
    return queue?.isEnabled === true && getU16(this.memory.read(queue.driver + 2n, 2), 0) !== queue.seen
  }

  /** Takes what is available in a queue and, where `isServing`, completes it. Returns how many came back. */
  serve(queueIndex: number, isServing = true): number {
    const queue = this.queues[queueIndex]
    if (!queue?.isEnabled || queue.size === 0) return 0
    const header = this.memory.read(queue.driver, 4)
    const [availFlags, idx] = [getU16(header, 0), getU16(header, 2)]
    this.availIndexes.push({ queue, idx, availFlags })
    const pending = (idx - queue.seen) & 0xffff
    if (pending > queue.size) return 0
    let done = 0
    while (queue.seen !== idx) {
      const slot = this.memory.read(queue.driver + BigInt(4 + 2 * (queue.seen % queue.size)), 2)
      const place = { queueIndex, head: getU16(slot, 0), availFlags, at: this.exchanged }
      const chain = { ...place, ...followChain(this.memory, queue, place.head) }
      queue.seen = (queue.seen + 1) & 0xffff
      if (this.hasSelected(0, FEATURE_EVENT_IDX)) this.#awaitNext(queue)
      this.chains.push(chain)
      if (!isServing || !this.isLive || chain.problem !== "") continue
      this.complete(queueIndex, chain.head, this.execute(chain, this))
      done++
    }
    return done
  }

  /** avail_event, behind the used ring: asks the driver to notify the next chain (virtio 1.4 2.7.10). */
  #awaitNext(queue: Queue): void {
    const event = new Uint8Array(2)
    putU16(event, 0, queue.seen)
    this.memory.write(queue.device + BigInt(4 + 8 * queue.size), event)
  }

  /** Gives a chain back. */
  complete(queueIndex: number, head: number, lengthBytes: number): void {
    const queue = this.queues[queueIndex]
    if (!queue) return
    const element = new Uint8Array(8)
    putU32(element, 0, head)
    putU32(element, 4, lengthBytes)
    this.memory.write(queue.device + BigInt(4 + 8 * (queue.used % queue.size)), element)
    queue.used = (queue.used + 1) & 0xffff
    const idx = new Uint8Array(2)
    putU16(idx, 0, queue.used)
    this.memory.write(queue.device + 2n, idx)
  }

  /** Whether the driver selected a feature bit. */
  hasSelected(block: number, bit: number): boolean {
    return ((this.selected[block] ?? 0) & bit) !== 0
  }

  #info(): number[] {
    const { deviceId, offered, config, queueMaxSizes, lies } = this.shape
    return [
      ...words(deviceId, 0x47534d56),
      ...(lies.uuid ?? new Array<number>(16).fill(0)),
      ...words(
        lies.numFeatureBlocks ?? offered.length,
        lies.configSize ?? config.length,
        lies.maxVirtqueues ?? queueMaxSizes.length,
        lies.adminVqStart ?? 0,
        lies.adminVqCount ?? 0,
      ),
    ]
  }

  #setConfig(generation: number, offset: number, data: Uint8Array): number[] {
    const isRight = !this.isStrict || generation === this.generation
    if (!isRight || offset + data.length > this.shape.config.length || data.length === 0)
      return words(this.generation, offset, 0)
    this.shape.config.set(data, offset)
    this.generation = (this.generation + 1) >>> 0
    return [...words(this.generation, offset, data.length), ...data]
  }

  #setStatus(asked: number): void {
    if (asked === 0) {
      this.reset()
      return
    }
    const isSupported = this.selected.every((bits, block) => {
      const offered = this.shape.offered[block] ?? 0
      return (bits & ~offered) === 0 && ((this.shape.required[block] ?? 0) & ~bits) === 0
    })
    let status = (this.status & STATUS_DEVICE_NEEDS_RESET) | (asked & 0x8f)
    if (!isSupported) status &= ~STATUS_FEATURES_OK
    if ((status & STATUS_FEATURES_OK) === 0) status &= ~STATUS_DRIVER_OK
    this.status = status
  }

  #getVqueue(index: number): number[] {
    const queue = this.queues[index]
    const maxSize = this.shape.queueMaxSizes[index] ?? 0
    if (!queue || maxSize === 0) return [...words(index), ...new Array<number>(36).fill(0)]
    return words(
      index,
      maxSize,
      queue.size,
      queue.isEnabled ? 1 : 0,
      ...[queue.desc, queue.driver, queue.device].flatMap((address) => [
        Number(address & 0xffffffffn),
        Number(address >> 32n),
      ]),
    )
  }

  #setVqueue(payload: Uint8Array): void {
    const index = getU32(payload, 0)
    const queue = this.queues[index]
    const maxSize = this.shape.queueMaxSizes[index] ?? 0
    const [flags, size, reserved] = [getU32(payload, 4), getU32(payload, 8), getU32(payload, 12)]
    if (
      !queue ||
      maxSize === 0 ||
      queue.isEnabled ||
      reserved !== 0 ||
      flags >>> 6 !== 0 ||
      (flags & 3) === 3
    )
      return
    const address = (offset: number) =>
      BigInt(getU32(payload, offset)) | (BigInt(getU32(payload, offset + 4)) << 32n)
    if ((flags & 4) === 0 && (size === 0 || size > maxSize || (size & (size - 1)) !== 0)) return
    if ((flags & 4) === 0) queue.size = size
    if ((flags & 8) === 0) queue.desc = address(16)
    if ((flags & 16) === 0) queue.driver = address(24)
    if ((flags & 32) === 0) queue.device = address(32)
    if ((flags & 3) !== VQUEUE_ENABLE) return
    queue.isEnabled = true
    this.usedFlagsAtStart.push(getU16(this.memory.read(queue.device, 2), 0))
  }
}

function emptyQueue(): Queue {
  return { size: 0, isEnabled: false, desc: 0n, driver: 0n, device: 0n, seen: 0, used: 0 }
}

/** A frame's payload. */
export function payloadOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(HEADER_SIZE, Math.max(HEADER_SIZE, Math.min(frame.length, getU16(frame, 6))))
}
