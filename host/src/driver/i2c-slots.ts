// Where virtio-i2c requests lie in the window. Each slot has four descriptors and small buffers at fixed places,
// so that a transfer like the one before changes few bytes, and only changed bytes travel:
//
//   descriptors  4n header (readable), 4n+1 bytes to write (readable), 4n+2 bytes read (writable), 4n+3 status
//   driver area  per slot: header [8], bytes to write [8]
//   device area  per slot: status [1], bytes read [15]
//
// A chain is header, then one of the two buffers or none, then status. Longer buffers are allocated beside.

import {
  I2C_FLAG_FAIL_NEXT,
  I2C_FLAG_M_RD,
  I2C_HEADER_SIZE,
} from "../../../shared-protocol/src/device/i2c.js"
import type { Mailbox } from "../../../shared-protocol/src/mailbox/mailbox.js"
import type { Bus } from "../bus/bus.js"
import type { RangeAllocator } from "../bus/range-allocator.js"
import type { HostBytes } from "../bytes.js"
import { VirtioMsgError } from "../errors.js"
import type { I2cRequest } from "./i2c-adapter.js"
import type { Virtqueue } from "./virtqueue.js"

const DESCRIPTORS_PER_SLOT = 4
const DRIVER_SLOT_SIZE = 16
const INLINE_WRITE_SIZE = DRIVER_SLOT_SIZE - I2C_HEADER_SIZE
const DEVICE_SLOT_SIZE = 16
const INLINE_READ_SIZE = DEVICE_SLOT_SIZE - 1

/** A buffer outside its slot. */
interface LongBuffer {
  readonly isWritable: boolean
  readonly offset: number
  readonly length: number
}

export class I2cSlots {
  /** How many requests can be with the device at once. */
  readonly count: number

  readonly #mailbox: Mailbox
  /** Of the epoch in which the slots were made: a later one has other places. */
  readonly #driverSpace: RangeAllocator
  readonly #deviceSpace: RangeAllocator
  readonly #queue: Virtqueue
  readonly #driverSlots: number
  readonly #deviceSlots: number
  readonly #long: (LongBuffer | undefined)[]
  /** Slots are used in turn: then the available and used rings repeat themselves and do not travel. */
  #next = 0
  #inUse = 0

  constructor(bus: Bus, queue: Virtqueue) {
    this.#mailbox = bus.session.mailbox
    this.#driverSpace = bus.driverSpace
    this.#deviceSpace = bus.deviceSpace
    this.#queue = queue
    this.count = queue.ring.size / DESCRIPTORS_PER_SLOT
    const driverSlots = bus.driverSpace.allocate(DRIVER_SLOT_SIZE * this.count)
    const deviceSlots = bus.deviceSpace.allocate(DEVICE_SLOT_SIZE * this.count)
    if (driverSlots === undefined || deviceSlots === undefined || this.count < 1)
      throw new VirtioMsgError("DEVICE_FAILED", `The window has no room for ${this.count} I2C requests.`, {
        hint: "The firmware's window is too small.",
      })
    this.#driverSlots = driverSlots
    this.#deviceSlots = deviceSlots
    this.#long = new Array(this.count).fill(undefined)
  }

  /** The longest buffer, in bytes, that has room when nothing else is under way. */
  get longestBuffer(): number {
    return Math.min(this.#driverSpace.longestFree, this.#deviceSpace.longestFree)
  }

  /** Whether these requests have room now, all of them together. */
  hasRoom(requests: readonly I2cRequest[]): boolean {
    if (this.#inUse + requests.length > this.count) return false
    const taken: LongBuffer[] = []
    const fits = requests.every((request) => {
      const long = this.#allocateLong(request)
      if (long) taken.push(long)
      return long !== undefined || !isLong(request)
    })
    for (const long of taken) this.#free(long)
    return fits
  }

  /**
   * Writes a request, for which there is room, into the next slot and offers its chain. Returns the slot.
   * The device sees the chain after the ring is published.
   */
  offer(request: I2cRequest): number {
    const slot = this.#next
    this.#next = (slot + 1) % this.count
    this.#inUse++
    const long = this.#allocateLong(request)
    this.#long[slot] = long
    const write = request.write?.length ? request.write : undefined
    const readLength = readLengthOf(request)
    const placed = long?.offset ?? (readLength > 0 ? this.#inlineRead(slot) : this.#inlineWrite(slot))

    const { outgoing } = this.#mailbox
    const ring = this.#queue.ring
    const head = DESCRIPTORS_PER_SLOT * slot
    const header = this.#driverSlots + DRIVER_SLOT_SIZE * slot
    outgoing.put16(header, request.address << 1)
    outgoing.put16(header + 2, 0)
    outgoing.put32(
      header + 4,
      (request.failNext ? I2C_FLAG_FAIL_NEXT : 0) | (readLength > 0 ? I2C_FLAG_M_RD : 0),
    )
    const buffer = write ? head + 1 : readLength > 0 ? head + 2 : head + 3
    ring.describe(head, header, I2C_HEADER_SIZE, false, buffer)
    if (write) {
      for (const [i, byte] of write.entries()) outgoing.put8(placed + i, byte)
      ring.describe(buffer, placed, write.length, false, head + 3)
    } else if (readLength > 0) ring.describe(buffer, placed, readLength, true, head + 3)
    ring.describe(head + 3, this.#deviceSlots + DEVICE_SLOT_SIZE * slot, 1, true, -1)
    ring.offer(head, readLength + 1)
    return slot
  }

  /** The slot of a head that came back; its descriptors are the driver's again. */
  slotOf(head: number): number {
    return head / DESCRIPTORS_PER_SLOT
  }

  /** The status byte that the device wrote. */
  status(slot: number): number {
    return this.#mailbox.incoming[this.#deviceSlots + DEVICE_SLOT_SIZE * slot] as number
  }

  /** The bytes that the device read, copied out of the window. */
  data(slot: number, length: number): Uint8Array {
    const offset = this.#long[slot]?.offset ?? this.#inlineRead(slot)
    return Uint8Array.from((this.#mailbox.incoming as HostBytes).subarray(offset, offset + length))
  }

  /** Frees a slot whose chain came back. */
  release(slot: number): void {
    const long = this.#long[slot]
    if (long) this.#free(long)
    this.#long[slot] = undefined
    this.#inUse--
  }

  /** A place beside the slot for a buffer too long for it; undefined when it is not, or there is none. */
  #allocateLong(request: I2cRequest): LongBuffer | undefined {
    if (!isLong(request)) return undefined
    const isWritable = !request.write
    const length = request.write?.length ?? readLengthOf(request)
    const offset = (isWritable ? this.#deviceSpace : this.#driverSpace).allocate(length)
    return offset === undefined ? undefined : { isWritable, offset, length }
  }

  #free(long: LongBuffer): void {
    const space = long.isWritable ? this.#deviceSpace : this.#driverSpace
    space.release(long.offset, long.length)
  }

  #inlineWrite(slot: number): number {
    return this.#driverSlots + DRIVER_SLOT_SIZE * slot + I2C_HEADER_SIZE
  }

  #inlineRead(slot: number): number {
    return this.#deviceSlots + DEVICE_SLOT_SIZE * slot + 1
  }

  /** Gives the slots' place in the window back; no chain is with the device any more. */
  dispose(): void {
    for (const long of this.#long) if (long) this.#free(long)
    this.#driverSpace.release(this.#driverSlots, DRIVER_SLOT_SIZE * this.count)
    this.#deviceSpace.release(this.#deviceSlots, DEVICE_SLOT_SIZE * this.count)
  }
}

function readLengthOf(request: I2cRequest): number {
  return request.write ? 0 : (request.readLength ?? 0)
}

/** Whether the request's bytes do not fit its slot. */
function isLong(request: I2cRequest): boolean {
  return (request.write?.length ?? 0) > INLINE_WRITE_SIZE || readLengthOf(request) > INLINE_READ_SIZE
}
