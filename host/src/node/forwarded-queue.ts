// A virtqueue between two buses. The driver's ring is in one window. A ring of our own with the same index is in the
// other window. The buffers are copied from one window to the other and back (docs/linux.md "Message by message").

import { EVENT_AVAIL_SIZE, encodeEventAvail } from "../../../shared-protocol/src/messages/events.js"
import { DriverRing } from "../../../shared-protocol/src/ring/driver-ring.js"
import {
  AVAIL_ALIGNMENT,
  availBytes,
  DESC_ALIGNMENT,
  descBytes,
  isQueueSize,
  USED_ALIGNMENT,
  usedBytes,
} from "../../../shared-protocol/src/ring/layout.js"
import type { Bus } from "../bus/bus.js"
import type { Window } from "../bus/window.js"
import { takePlaces, type WindowPlaces } from "../bus/window-places.js"
import { allocateBytes } from "../bytes.js"
import type { Timer } from "../clock.js"
import {
  type DriverQueue,
  type DriverWindow,
  type GivenChain,
  type GivenPart,
  GivenRing,
} from "./given-ring.js"

interface Carried extends GivenChain {
  readonly ids: readonly number[]
  readonly places: WindowPlaces
  readonly release: () => void
}

/** Where the parts of our own ring lie. */
export interface RingOffsets {
  readonly desc: number
  readonly avail: number
  readonly used: number
}

/** The other queues that use the device's window. */
export interface QueueNeighbours {
  /** Whether one of them has buffers in the window, so that room will come. */
  holdRoom(queue: ForwardedQueue): boolean
  /** A chain that waited for their room came back, and the device never saw it. */
  onRefused(queue: ForwardedQueue): void
}

/** How long a chain waits for room of other queues. Some of these hold their buffers for ever. */
export const PATIENCE_MS = 1000
/**
 * The share of the device's window for the rings of one queue, and that for the buffers of a chain that only receives.
 */
const RING_SHARE = 8
const RECEIVED_SHARE = 8
const MOST_DESCRIPTORS = 64

/** The largest queue, of at most `maxSize` descriptors, that has room in the device's window. 0 if none has. */
export function largestQueue({ outgoing, incoming }: Window, maxSize: number): number {
  let size = MOST_DESCRIPTORS
  const isTooLarge = () =>
    size > maxSize ||
    descBytes(size) + availBytes(size) > outgoing.bytes.length / RING_SHARE ||
    usedBytes(size) > incoming.length / RING_SHARE
  while (size > 1 && isTooLarge()) size /= 2
  return maxSize > 0 ? size : 0
}

export class ForwardedQueue {
  readonly driver: DriverQueue
  readonly offsets: RingOffsets
  /** How many chains went over since the queue was laid. */
  carriedCount = 0
  readonly #bus: Bus
  readonly #devNum: number
  readonly #driverWindow: DriverWindow
  readonly #window: Window
  readonly #ring: DriverRing
  readonly #ringPlaces: WindowPlaces
  readonly #given: GivenRing
  readonly #free: number[]
  readonly #carried = new Map<number, Carried>()
  readonly #waiting: GivenChain[] = []
  readonly #neighbours: QueueNeighbours
  /** Runs while the first chain waits for room of other queues. */
  #patience: Timer | undefined

  private constructor(
    bus: Bus,
    devNum: number,
    driverWindow: DriverWindow,
    driver: DriverQueue,
    places: WindowPlaces,
    neighbours: QueueNeighbours,
  ) {
    this.#neighbours = neighbours
    this.#bus = bus
    this.#devNum = devNum
    this.#driverWindow = driverWindow
    this.#window = bus.window
    this.driver = driver
    this.#given = new GivenRing(driverWindow, driver)
    this.#ringPlaces = places
    const [desc = 0, avail = 0, used = 0] = places.offsets
    this.offsets = { desc, avail, used }
    const features = { hasIndirect: false, hasEventIdx: false, hasInOrder: false }
    const { bases, outgoing, incoming } = this.#window
    const place = { size: driver.size, ...this.offsets, bases }
    this.#ring = new DriverRing(place, outgoing, incoming, features)
    this.#free = Array.from({ length: driver.size }, (_, at) => at)
  }

  /** Lays the ring in the device's window. Undefined where there is no room, or the driver's queue is impossible. */
  static lay(
    bus: Bus,
    devNum: number,
    driverWindow: DriverWindow,
    driver: DriverQueue,
    neighbours: QueueNeighbours,
  ): ForwardedQueue | undefined {
    const { size, desc, avail, used } = driver
    const fits = (at: number, lengthBytes: number) => at > 0 && driverWindow.holds(at, lengthBytes)
    if (
      !isQueueSize(size) ||
      !fits(desc, descBytes(size)) ||
      !fits(avail, availBytes(size)) ||
      !fits(used, usedBytes(size))
    )
      return undefined
    const { driverSpace, deviceSpace } = bus.window
    const places = takePlaces([
      { space: driverSpace, lengthBytes: descBytes(size), alignment: DESC_ALIGNMENT },
      { space: driverSpace, lengthBytes: availBytes(size), alignment: AVAIL_ALIGNMENT },
      { space: deviceSpace, lengthBytes: usedBytes(size), alignment: USED_ALIGNMENT },
    ])
    return places && new ForwardedQueue(bus, devNum, driverWindow, driver, places, neighbours)
  }

  /**
   * The driver has made chains available. Those that have room go over; the others follow when something comes back.
   * Returns how many came back at once, because they can never fit.
   */
  available(): number {
    for (const chain of this.#given.take())
      this.#waiting.push({ ...chain, parts: this.#shortened(chain.parts) })
    return this.goOn()
  }

  /**
   * The device has given chains back. All their device-writable bytes are copied: a status may lie behind a read
   * buffer, whatever the used length says. Returns how many chains the driver has now got back; `goOn` comes next.
   */
  used(): number {
    let count = 0
    for (let head = this.#ring.take(); head >= 0; head = this.#ring.take()) {
      const chain = this.#carried.get(head)
      if (!chain) continue
      for (const [at, { isWritable, lengthBytes, at: to }] of chain.parts.entries()) {
        const from = chain.places.offsets[at] as number
        if (isWritable)
          this.#driverWindow.write(
            to,
            Uint8Array.from(this.#window.incoming.subarray(from, from + lengthBytes)),
          )
      }
      this.#given.giveBack(chain.head, this.#ring.usedLength)
      this.#forgetChain(head, chain)
      count++
    }
    if (count > 0) this.#given.publish()
    return count
  }

  /** Whether the ring, or a chain that was taken and not given back, uses these bytes of the driver's window. */
  uses(address: number, lengthBytes: number): boolean {
    const isIn = (at: number, bytes: number) => at < address + lengthBytes && address < at + bytes
    const { size, desc, avail, used } = this.driver
    if (isIn(desc, descBytes(size)) || isIn(avail, availBytes(size)) || isIn(used, usedBytes(size)))
      return true
    return [...this.#carried.values(), ...this.#waiting].some(({ parts }) =>
      parts.some((part) => isIn(part.at, part.lengthBytes)),
    )
  }

  /** Whether chains of this queue have room in the device's window. */
  get holdsRoom(): boolean {
    return this.#carried.size > 0
  }

  /** The device has forgotten the queue, or there is a new epoch. */
  forget(): void {
    for (const [head, chain] of this.#carried) this.#forgetChain(head, chain)
    this.#waiting.length = 0
    this.#patience?.cancel()
    this.#ringPlaces.release()
  }

  /**
   * Carries chains over while there is room; this queue or another may have given some back. Returns how many came back
   * without the device seeing them, since they can never fit.
   */
  goOn(): number {
    let refused = 0
    for (let [chain] = this.#waiting; chain; [chain] = this.#waiting) {
      if (!this.#carry(chain)) {
        if (this.#carried.size > 0) break
        if (chain.parts.length > 0 && this.#mayFit()) break
        // nothing else is with the device: it can never fit
        this.#given.giveBack(chain.head, 0)
        refused++
      }
      this.#patience?.cancel()
      this.#patience = undefined
      this.#waiting.shift()
    }
    if (refused > 0) this.#given.publish()
    if (this.#ring.publish()) {
      const event = allocateBytes(EVENT_AVAIL_SIZE)
      encodeEventAvail(event, this.#devNum, { vqIndex: this.driver.index, nextOffset: 0 })
      this.#bus.event(event)
    }
    return refused
  }

  /** Whether the first chain has found no room, and waits for the room of other queues. */
  #mayFit(): boolean {
    if (!this.#neighbours.holdRoom(this)) return false
    this.#patience ??= this.#bus.clock.schedule(PATIENCE_MS, () => {
      this.#patience = undefined
      const [chain] = this.#waiting
      if (!chain) return
      this.#waiting.shift()
      this.#given.giveBack(chain.head, 0)
      this.#given.publish()
      this.goOn()
      this.#neighbours.onRefused(this)
    })
    return true
  }

  #carry({ head, parts }: GivenChain): boolean {
    if (parts.length === 0 || parts.length > this.#free.length) return false
    const { driverSpace, deviceSpace, outgoing } = this.#window
    const places = takePlaces(
      parts.map(({ isWritable, lengthBytes }) => ({
        space: isWritable ? deviceSpace : driverSpace,
        lengthBytes,
      })),
    )
    if (!places) return false
    const ids = this.#free.splice(0, parts.length)
    for (const [n, part] of parts.entries()) {
      const offset = places.offsets[n] as number
      if (!part.isWritable)
        for (const [i, byte] of this.#driverWindow.read(part.at, part.lengthBytes).entries())
          outgoing.put8(offset + i, byte)
      this.#ring.describe(ids[n] as number, offset, part.lengthBytes, part.isWritable, ids[n + 1] ?? -1)
    }
    const writable = parts.reduce((sum, part) => sum + (part.isWritable ? part.lengthBytes : 0), 0)
    const [first = 0] = ids
    this.#ring.offer(first, writable)
    this.#carried.set(first, { head, parts, ids, places, release: this.#bus.hold() })
    this.carriedCount++
    return true
  }

  #forgetChain(head: number, { ids, places, release }: Carried): void {
    this.#carried.delete(head)
    this.#free.push(...ids)
    places.release()
    release()
  }

  /** Linux's console gives whole pages to receive into. One would fill the device's window, and less serves as well. */
  #shortened(parts: readonly GivenPart[]): readonly GivenPart[] {
    const [part] = parts
    const most = Math.floor(this.#window.incoming.length / RECEIVED_SHARE)
    if (parts.length !== 1 || !part?.isWritable || part.lengthBytes <= most) return parts
    return [{ ...part, lengthBytes: most }]
  }
}
