// Where virtio-i2c requests lie in the window: at fixed places. Only changed bytes are sent, so a transfer that is
// like an earlier one should change few bytes. Slots are used in turn. When none is in use, the next requests begin at
// slots that had requests like them, or else at slots that had none. Descriptors that stay the same cost no bytes, and
// the device knows them.
//
//   descriptors  of slot n: 4n header (readable), 4n+1 the bytes to write or to read, if any, behind it the status
//   driver area  the slots' headers, 8 bytes each; then the bytes to write, one slot's behind another's
//   device area  the slots' statuses, 1 byte each; then the bytes read, one slot's behind another's
//
// A chain's descriptors are neighbours, as VIRTIO_F_IN_ORDER wants it (R23). Longer buffers are allocated elsewhere.

import {
  I2C_FLAG_FAIL_NEXT,
  I2C_FLAG_M_RD,
  I2C_HEADER_SIZE,
} from "../../../shared-protocol/src/device-types/i2c.js"
import type { Bus } from "../bus/bus.js"
import type { Window } from "../bus/window.js"
import { takePlaces, type WindowPlaces } from "../bus/window-places.js"
import { copyOf } from "../bytes.js"
import { noRoom } from "./failures.js"
import { LapArena } from "./lap-arena.js"
import type { Virtqueue } from "./virtqueue.js"

/** One virtio-i2c request: a write, a read, or, without bytes, a probe of the address. */
export interface I2cRequest {
  /** 7 bits. */
  readonly address: number
  readonly write?: Uint8Array
  /** Bytes to read; only without `write`. */
  readonly readLength?: number
  /** The next request belongs to the same group. If this one fails, the next one fails without being carried out. */
  readonly failNext: boolean
}

const DESCRIPTORS_PER_SLOT = 4
const STATUS_SIZE = 1
/** So many groups are remembered. With more, a group would hardly ever be recognised. */
const MOST_SEEN = 256
/** Longer buffers are allocated elsewhere. Each slot has so many bytes for the others. */
const SHORT_WRITE_SIZE = 8
const SHORT_READ_SIZE = 15

/** A reserved slot: where its bytes to write or to read lie. */
export interface Reservation {
  readonly slot: number
  readonly offset: number
  /** Bytes that were allocated elsewhere; 0 for short buffers. */
  readonly allocated: number
  readonly isWritable: boolean
}

export class I2cSlots {
  /** How many requests can be with the device at once. */
  readonly count: number

  /** The epoch in which the slots were made. A later epoch has other places. */
  readonly #window: Window
  readonly #queue: Virtqueue
  readonly #places: WindowPlaces
  readonly #headers: number
  readonly #statuses: number
  readonly #writes: LapArena
  readonly #reads: LapArena
  /** By slot, from reservation to release. */
  readonly #reserved: (Reservation | undefined)[]
  /** Slots are used in turn, so that the available and used rings repeat themselves and need not be sent. */
  #next = 0
  /** The kind (`kindOf`) of the last request in each slot. Slots that had no request are not in the list. */
  readonly #kinds: number[] = []
  /** The kinds of the requests that began when no slot was in use. */
  readonly #seen = new Set<string>()
  /** From the oldest slot in use to the newest. Slots between them may have been released already. */
  #span = 0

  constructor(bus: Bus, queue: Virtqueue) {
    this.#window = bus.window
    this.#queue = queue
    this.count = queue.ring.size / DESCRIPTORS_PER_SLOT
    const wanted = [
      { space: bus.window.driverSpace, lengthBytes: (I2C_HEADER_SIZE + SHORT_WRITE_SIZE) * this.count },
      { space: bus.window.deviceSpace, lengthBytes: (STATUS_SIZE + SHORT_READ_SIZE) * this.count },
    ]
    const places = this.count < 1 ? undefined : takePlaces(wanted)
    if (!places) throw noRoom(`${this.count} I2C requests`)
    const [headers, statuses] = places.offsets as [number, number]
    this.#places = places
    this.#headers = headers
    this.#statuses = statuses
    const writes = headers + I2C_HEADER_SIZE * this.count
    const reads = statuses + STATUS_SIZE * this.count
    this.#writes = new LapArena(this.count, writes, SHORT_WRITE_SIZE * this.count)
    this.#reads = new LapArena(this.count, reads, SHORT_READ_SIZE * this.count)
    this.#reserved = new Array(this.count).fill(undefined)
  }

  /** How many slots have had a request. The descriptors of the other slots still have to be sent. */
  get describedCount(): number {
    return this.#kinds.length
  }

  /** The longest buffers, in bytes, that have room when nothing else is in flight. */
  get longestBuffers(): { readonly toWrite: number; readonly toRead: number } {
    return { toWrite: this.#window.driverSpace.longestFree, toRead: this.#window.deviceSpace.longestFree }
  }

  /**
   * If no slot is in use, chooses the first slot for the requests that come next: the one where the fewest bytes of
   * descriptors have to be sent.
   */
  prepare(requests: readonly I2cRequest[]): void {
    if (this.#span > 0) return
    const kinds = requests.slice(0, this.count).map(kindOf)
    const key = kinds.join()
    const isKnown = this.#seen.has(key)
    if (this.#seen.size >= MOST_SEEN) this.#seen.clear()
    this.#seen.add(key)
    let best = 0
    let leastCost = Number.POSITIVE_INFINITY
    const last = Math.min(this.#kinds.length, this.count - kinds.length)
    for (let slot = 0; slot <= last && leastCost > 0; slot++) {
      let cost = 0
      for (let at = 0; at < kinds.length; at++)
        cost += costOf(kinds[at] as number, this.#kinds[slot + at], isKnown)
      if (cost < leastCost) {
        leastCost = cost
        best = slot
      }
    }
    this.#next = best
    this.#writes.begin(best)
    this.#reads.begin(best)
  }

  /** Takes slots for these requests, for all of them together. Undefined when they have no room now. */
  reserve(requests: readonly I2cRequest[]): Reservation[] | undefined {
    const first = this.#next
    const reservations: Reservation[] = []
    for (const request of requests) {
      const reservation = this.#span < this.count ? this.#place(request) : undefined
      if (!reservation) {
        for (const { slot } of reservations) this.#forget(slot)
        this.#next = first
        this.#span -= reservations.length
        this.#writes.rewind(first)
        this.#reads.rewind(first)
        return undefined
      }
      reservations.push(reservation)
      this.#reserved[reservation.slot] = reservation
      this.#next = (reservation.slot + 1) % this.count
      this.#span++
    }
    return reservations
  }

  /** Writes a request into its slot and offers its chain; its head. The device sees it after the ring is published. */
  offer(request: I2cRequest, { slot, offset }: Reservation): number {
    const write = request.write?.length ? request.write : undefined
    const readLength = readLengthOf(request)
    const { outgoing } = this.#window
    const ring = this.#queue.ring
    this.#kinds[slot] = kindOf(request)
    const head = DESCRIPTORS_PER_SLOT * slot
    const header = this.#headers + I2C_HEADER_SIZE * slot
    outgoing.put16(header, request.address << 1)
    outgoing.put16(header + 2, 0)
    outgoing.put32(
      header + 4,
      (request.failNext ? I2C_FLAG_FAIL_NEXT : 0) | (readLength > 0 ? I2C_FLAG_M_RD : 0),
    )
    const status = write || readLength > 0 ? head + 2 : head + 1
    ring.describe(head, header, I2C_HEADER_SIZE, false, head + 1)
    if (write) {
      for (let i = 0; i < write.length; i++) outgoing.put8(offset + i, write[i] as number)
      ring.describe(head + 1, offset, write.length, false, status)
    } else if (readLength > 0) ring.describe(head + 1, offset, readLength, true, status)
    ring.describe(status, this.#statuses + STATUS_SIZE * slot, 1, true, -1)
    ring.offer(head, readLength + 1)
    return head
  }

  /** The slot of a head that came back; its descriptors are the driver's again. */
  slotOf(head: number): number {
    return head / DESCRIPTORS_PER_SLOT
  }

  /** The status byte that the device wrote. */
  status(slot: number): number {
    return this.#window.incoming[this.#statuses + STATUS_SIZE * slot] as number
  }

  /** The bytes that the device read, copied out of the window. */
  data(slot: number, length: number): Uint8Array {
    return copyOf(this.#window.incoming, this.#reserved[slot]?.offset ?? 0, length)
  }

  /** Frees a slot whose chain came back. It is used again after the slots that were taken before it. */
  release(slot: number): void {
    this.#forget(slot)
    while (this.#span > 0 && !this.#reserved[this.#oldest]) this.#span--
  }

  /** Gives the slots' place in the window back. No chain is with the device any more. */
  dispose(): void {
    for (let slot = 0; slot < this.count; slot++) this.#forget(slot)
    this.#places.release()
  }

  get #oldest(): number {
    return (this.#next - this.#span + this.count) % this.count
  }

  /** A place for the request's bytes: beside its neighbours' when they are few, otherwise elsewhere. */
  #place(request: I2cRequest): Reservation | undefined {
    const slot = this.#next
    const oldest = this.#span > 0 ? this.#oldest : undefined
    const isWritable = !request.write
    const writeLength = request.write?.length ?? 0
    const readLength = readLengthOf(request)
    const isShort = writeLength <= SHORT_WRITE_SIZE && readLength <= SHORT_READ_SIZE
    // a long buffer takes no place among the short ones, but its slot does take its turn
    const write = this.#writes.place(slot, isShort ? writeLength : 0, oldest)
    const read = this.#reads.place(slot, isShort ? readLength : 0, oldest)
    const short = isWritable ? read : write
    if (isShort && short !== undefined) return { slot, offset: short, allocated: 0, isWritable }
    const length = writeLength + readLength // one of the two is 0
    const offset = (isWritable ? this.#window.deviceSpace : this.#window.driverSpace).allocate(length)
    return offset === undefined ? undefined : { slot, offset, allocated: length, isWritable }
  }

  #forget(slot: number): void {
    const reservation = this.#reserved[slot]
    this.#reserved[slot] = undefined
    if (!reservation || reservation.allocated === 0) return
    const space = reservation.isWritable ? this.#window.deviceSpace : this.#window.driverSpace
    space.release(reservation.offset, reservation.allocated)
  }
}

/** Requests of one kind have the same descriptors, if they are in the same slot. */
function kindOf(request: I2cRequest): number {
  const readLength = readLengthOf(request)
  return readLength > 0 ? -readLength : (request.write?.length ?? 0)
}

/**
 * About how many bytes a request of `kind` costs in a slot whose last request was of kind `former`, or that had none.
 * A request of another shape takes the slot away from the former one. One of another length costs much only where its
 * kind was here before (`isKnown`): it lost its slot in the same way, and would lose it again.
 */
function costOf(kind: number, former: number | undefined, isKnown: boolean): number {
  if (former === kind) return 0
  if (former === undefined) return 50
  if (Math.sign(former) !== Math.sign(kind)) return 100
  return isKnown ? 60 : 5
}

function readLengthOf(request: I2cRequest): number {
  return request.write ? 0 : (request.readLength ?? 0)
}
