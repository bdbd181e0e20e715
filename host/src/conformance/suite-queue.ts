// The suite's own driver half of a split virtqueue (virtio 1.4 2.7), over any window of memory. It can do everything
// right, and everything wrong on purpose.

import { getU16, getU32, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import type { Address } from "../../../shared-protocol/src/messages/vqueue.js"
import {
  availBytes,
  DESC_ALIGNMENT,
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_SIZE,
  DESCRIPTOR_WRITE,
  descBytes,
  USED_ALIGNMENT,
  usedBytes,
} from "../../../shared-protocol/src/ring/layout.js"
import { counted } from "../counted.js"
import type { Conversation } from "./conversation.js"
import type { SharedMemory } from "./device-port.js"
import * as frames from "./frames.js"
import { blocked } from "./verdict.js"

/** A buffer to be placed: bytes for the device to read, or room for it to write. */
export type BufferPlan = { readonly data: Uint8Array } | { readonly roomBytes: number }

export interface PlacedBuffer {
  readonly address: bigint
  readonly lengthBytes: number
  readonly isWritable: boolean
}

export interface OfferedChain {
  readonly head: number
  readonly buffers: readonly PlacedBuffer[]
  readonly writableBytes: number
}

/** The part of each region that one of two queues may use for its buffers. */
const RESERVED_BYTES = 1024n

export interface UsedElement {
  readonly id: number
  readonly lengthBytes: number
}

/** Where the three parts of a queue lie. */
export interface QueuePlace {
  readonly desc: bigint
  readonly driver: bigint
  readonly device: bigint
}

/** An address as messages carry it. */
export function toAddress(address: bigint): Address {
  return { low: Number(address & 0xffffffffn), high: Number(address >> 32n) }
}

/** The free parts of the window's two regions. */
export interface FreePlace {
  readonly freeDriver: bigint
  readonly freeDevice: bigint
}

/**
 * Places for a queue of `size` descriptors, from `from` on, and the free parts behind them. Undefined if there is too
 * little room.
 */
export function placeQueue(
  memory: SharedMemory,
  size: number,
  from: FreePlace = { freeDriver: memory.driverRegion.address, freeDevice: memory.deviceRegion.address },
) {
  const { driverRegion, deviceRegion } = memory
  const desc = align(from.freeDriver, BigInt(DESC_ALIGNMENT))
  const driver = desc + BigInt(descBytes(size))
  const device = align(from.freeDevice, BigInt(USED_ALIGNMENT))
  const freeDriver = align(driver + BigInt(availBytes(size)), 16n)
  const freeDevice = align(device + BigInt(usedBytes(size)), 16n)
  const fits =
    freeDriver <= driverRegion.address + BigInt(driverRegion.lengthBytes) &&
    freeDevice <= deviceRegion.address + BigInt(deviceRegion.lengthBytes)
  return fits ? { place: { desc, driver, device }, freeDriver, freeDevice } : undefined
}

export class SuiteQueue {
  readonly index: number
  readonly size: number
  readonly place: QueuePlace
  /** The driver's free-running index. */
  availIdx = 0
  /** Flags of the available ring. */
  availFlags = 0
  readonly #conversation: Conversation
  readonly #devNum: number
  readonly #memory: SharedMemory
  #freeDriver: bigint
  #freeDevice: bigint
  #nextDescriptor = 0

  /** `behind`: another queue that is in use, too. */
  constructor(conversation: Conversation, devNum: number, index: number, size: number, behind?: SuiteQueue) {
    this.#conversation = conversation
    this.#devNum = devNum
    this.#memory = conversation.port.memory
    const placed = placeQueue(this.#memory, size, behind?.reserve())
    if (!placed) blocked(`The window has no room for a queue of ${counted(size, "descriptor")}.`)
    this.index = index
    this.size = size
    this.place = placed.place
    this.#freeDriver = placed.freeDriver
    this.#freeDevice = placed.freeDevice
    this.#memory.write(this.place.driver, new Uint8Array(availBytes(size)))
    this.#memory.write(this.place.desc, new Uint8Array(descBytes(size)))
    this.#memory.initialiseUsedRing(this.place.device)
  }

  /** Room for this queue's buffers, and what is free behind it. */
  reserve(): FreePlace {
    return {
      freeDriver: this.#freeDriver + RESERVED_BYTES,
      freeDevice: this.#freeDevice + RESERVED_BYTES,
    }
  }

  /** Room in the window for the driver's bytes. */
  allocateReadable(data: Uint8Array, alignment = 1n): PlacedBuffer {
    const address = align(this.#freeDriver, alignment)
    this.#freeDriver = address + BigInt(data.length)
    this.#memory.write(address, data)
    return { address, lengthBytes: data.length, isWritable: false }
  }

  /** Room in the window for the device's bytes. */
  allocateWritable(lengthBytes: number): PlacedBuffer {
    const address = this.#freeDevice
    this.#freeDevice += BigInt(lengthBytes)
    return { address, lengthBytes, isWritable: true }
  }

  /** Writes a chain into the next descriptors, in order. Does not offer it yet. */
  describe(plans: readonly BufferPlan[]): OfferedChain {
    const buffers = this.#placeBuffers(plans)
    const head = this.#nextDescriptor
    for (const [i, buffer] of buffers.entries()) {
      const next = i + 1 < buffers.length ? head + i + 1 : undefined
      this.#put(head + i, entryOf(buffer, next === undefined ? next : next % this.size))
    }
    this.#nextDescriptor = (head + buffers.length) % this.size
    return chainOf(head, buffers)
  }

  /**
   * The same with the buffers from number `direct` on in an indirect table; `flags` are added to those of the
   * descriptor that stands for it.
   */
  describeIndirect(plans: readonly BufferPlan[], direct = 0, flags = 0): OfferedChain {
    const buffers = this.#placeBuffers(plans)
    const table = new Uint8Array(DESCRIPTOR_SIZE * (buffers.length - direct))
    for (const [i, buffer] of buffers.slice(direct).entries()) {
      const isLast = i === buffers.length - direct - 1
      table.set(entryOf(buffer, isLast ? undefined : i + 1), DESCRIPTOR_SIZE * i)
    }
    const { address, lengthBytes } = this.allocateReadable(table, 16n)
    const head = this.#nextDescriptor
    for (const [i, buffer] of buffers.slice(0, direct).entries())
      this.#put(head + i, entryOf(buffer, (head + i + 1) % this.size))
    this.#put(head + direct, descriptor(address, lengthBytes, DESCRIPTOR_INDIRECT | flags, undefined))
    this.#nextDescriptor = (head + direct + 1) % this.size
    return chainOf(head, buffers)
  }

  writeDescriptor(
    index: number,
    address: bigint,
    lengthBytes: number,
    flags: number,
    next: number | undefined,
  ): void {
    this.#put(index, descriptor(address, lengthBytes, flags, next))
  }

  /** Writes an entry of the table; numbers beyond its end begin anew. */
  #put(index: number, entry: Uint8Array): void {
    this.#memory.write(this.place.desc + BigInt(DESCRIPTOR_SIZE * (index % this.size)), entry)
  }

  /** Puts a head into the available ring. The device sees it after `publish`. */
  offer(head: number): void {
    const slot = this.place.driver + BigInt(4 + 2 * (this.availIdx % this.size))
    this.#memory.write(slot, Uint8Array.of(head & 0xff, head >> 8))
    this.availIdx = (this.availIdx + 1) & 0xffff
  }

  /** Shows the device what was offered. Does not notify it. */
  publish(idx = this.availIdx): void {
    this.#memory.write(this.place.driver, Uint8Array.of(this.availFlags, 0))
    this.#memory.writeIndex(this.place.driver + 2n, idx)
    this.#conversation.port.flush()
  }

  /** Publishes and sends EVENT_AVAIL, on a bus that has it. */
  kick(): void {
    this.publish()
    if (this.#conversation.port.parameters.isPolling) return
    this.#conversation.post(frames.eventAvail(this.#devNum, this.index))
  }

  /** Describes, offers and kicks. */
  submit(...requests: (readonly BufferPlan[])[]): OfferedChain[] {
    const chains = requests.map((plans) => this.describe(plans))
    for (const chain of chains) this.offer(chain.head)
    this.kick()
    return chains
  }

  get usedIdx(): number {
    return getU16(this.#memory.read(this.place.device + 2n, 2), 0)
  }

  get usedFlags(): number {
    return getU16(this.#memory.read(this.place.device, 2), 0)
  }

  /** The used element of the free-running index `at`. */
  usedElement(at: number): UsedElement {
    const bytes = this.#memory.read(this.place.device + BigInt(4 + 8 * (at % this.size)), 8)
    return { id: getU32(bytes, 0), lengthBytes: getU32(bytes, 4) }
  }

  /** Waits until the used index is `idx`, without relying on EVENT_USED. */
  completed(idx: number, timeoutMs = 2000): Promise<boolean> {
    return this.#conversation.waitUntil(() => this.usedIdx === (idx & 0xffff), timeoutMs)
  }

  /** The bytes of a chain's device-writable buffers. */
  written(chain: OfferedChain): Uint8Array {
    const parts = chain.buffers
      .filter((buffer) => buffer.isWritable)
      .flatMap((buffer) => [...this.#memory.read(buffer.address, buffer.lengthBytes)])
    return Uint8Array.from(parts)
  }

  #placeBuffers(plans: readonly BufferPlan[]): PlacedBuffer[] {
    return plans.map((plan) =>
      "data" in plan ? this.allocateReadable(plan.data) : this.allocateWritable(plan.roomBytes),
    )
  }
}

function chainOf(head: number, buffers: readonly PlacedBuffer[]): OfferedChain {
  const writableBytes = buffers.reduce((sum, buffer) => sum + (buffer.isWritable ? buffer.lengthBytes : 0), 0)
  return { head, buffers, writableBytes }
}

function entryOf({ address, lengthBytes, isWritable }: PlacedBuffer, next: number | undefined): Uint8Array {
  return descriptor(address, lengthBytes, isWritable ? DESCRIPTOR_WRITE : 0, next)
}

function descriptor(
  address: bigint,
  lengthBytes: number,
  flags: number,
  next: number | undefined,
): Uint8Array {
  const bytes = new Uint8Array(DESCRIPTOR_SIZE)
  const { low, high } = toAddress(address)
  putU32(bytes, 0, low)
  putU32(bytes, 4, high)
  putU32(bytes, 8, lengthBytes)
  putU16(bytes, 12, flags | (next === undefined ? 0 : DESCRIPTOR_NEXT))
  putU16(bytes, 14, next ?? 0)
  return bytes
}

function align(address: bigint, alignment: bigint): bigint {
  return ((address + alignment - 1n) / alignment) * alignment
}
