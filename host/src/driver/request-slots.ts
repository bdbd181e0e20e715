// Where the requests of a RequestQueue lie in the window. Each slot has a fixed place for the bytes that the device
// reads, and one for the bytes that it writes. The first slot may have room for a longer response than the others.

import type { Window } from "../bus/window.js"
import { takePlaces, type WindowPlaces } from "../bus/window-places.js"
import { copyOf } from "../bytes.js"
import { counted } from "../counted.js"
import { noRoom } from "./failures.js"
import type { Virtqueue } from "./virtqueue.js"

export interface SlotSizes {
  /** Bytes that one request gives the device at most, and bytes that the device may write; at least one of them. */
  readonly readableBytes: number
  readonly writableBytes: number
  /** Requests with the device at once, at most. */
  readonly slotCount: number
}

/** The slot that has more room than the others, if any has. */
const LONG_SLOT = 0

export class RequestSlots {
  readonly queue: Virtqueue
  /** Length of the longest response. */
  readonly longBytes: number
  /** The epoch in which the slots were made. A later epoch has other places. */
  readonly #window: Window
  readonly #sizes: SlotSizes
  readonly #places: WindowPlaces
  readonly #readable: number
  readonly #writable: number
  readonly #free: number[]

  /** `name` is what people call the device. Throws DEVICE_FAILED when the window has no room. */
  constructor(window: Window, queue: Virtqueue, sizes: SlotSizes, longBytes: number, name: string) {
    const { readableBytes, writableBytes, slotCount } = sizes
    const count = Math.min(slotCount, Math.floor(queue.ring.size / descriptorsOf(sizes)))
    const places = takePlaces([
      { space: window.driverSpace, lengthBytes: count * readableBytes },
      { space: window.deviceSpace, lengthBytes: longBytes + (count - 1) * writableBytes },
    ])
    if (!places || count < 1) throw noRoom(`${counted(count, "request")} of ${name}`)
    const [readable, writable] = places.offsets as [number, number]
    this.queue = queue
    this.longBytes = longBytes
    this.#window = window
    this.#sizes = sizes
    this.#places = places
    this.#readable = readable
    this.#writable = writable
    this.#free = Array.from({ length: count }, (_, slot) => slot)
  }

  /** Writes a request into a free slot and offers its chain. Returns the head, or undefined when no slot is free. */
  offer(request: Uint8Array, responseLength: number): number | undefined {
    const slot = this.#take(responseLength)
    if (slot === undefined) return undefined
    const { ring } = this.queue
    const head = slot * descriptorsOf(this.#sizes)
    if (request.length > 0) {
      const at = this.#readable + slot * this.#sizes.readableBytes
      for (let i = 0; i < request.length; i++) this.#window.outgoing.put8(at + i, request[i] as number)
      ring.describe(head, at, request.length, false, responseLength > 0 ? head + 1 : -1)
    }
    if (responseLength > 0) {
      const index = request.length > 0 ? head + 1 : head
      ring.describe(index, this.#writableAt(slot), responseLength, true, -1)
    }
    ring.offer(head, responseLength)
    return head
  }

  /** Frees the slot of a chain that came back, and returns a copy of the `length` bytes that the device wrote. */
  release(head: number, length: number): Uint8Array {
    const slot = head / descriptorsOf(this.#sizes)
    this.#free.push(slot)
    const at = this.#writableAt(slot)
    return copyOf(this.#window.incoming, at, length)
  }

  /** Gives the slots' place in the window back. No chain is with the device any more. */
  dispose(): void {
    this.#places.release()
  }

  /**
   * A free slot with room for the response. The slot with the most room is taken last. Undefined when there is none.
   */
  #take(responseLength: number): number | undefined {
    const { writableBytes } = this.#sizes
    if (this.longBytes === writableBytes) return this.#free.shift()
    const isLong = responseLength > writableBytes
    const at = this.#free.findIndex((slot) => (slot === LONG_SLOT) === isLong)
    const found = at < 0 && !isLong ? 0 : at
    return found < 0 ? undefined : this.#free.splice(found, 1)[0]
  }

  /** Where in the window the response of `slot` lies. */
  #writableAt(slot: number): number {
    const { writableBytes } = this.#sizes
    return slot === LONG_SLOT ? this.#writable : this.#writable + this.longBytes + (slot - 1) * writableBytes
  }
}

/** Descriptors of one request. */
function descriptorsOf({ readableBytes, writableBytes }: SlotSizes): number {
  return (readableBytes > 0 ? 1 : 0) + (writableBytes > 0 ? 1 : 0)
}
