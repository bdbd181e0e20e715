// Requests of one fixed form on one virtqueue: bytes for the device to read, then room for it to write, each
// request in a slot of the window at a fixed place, so that a request like the one before changes few bytes.
// GPIO, entropy and console are all made of these; I2C, whose requests come in groups, has I2cSlots.

import { NOTHING_USED, USED_BROKEN } from "../../../shared-protocol/src/ring/driver-ring.js"
import { takePlaces, type WindowPlaces } from "../bus/window-places.js"
import type { Timer } from "../clock.js"
import { VirtioMsgError } from "../errors.js"
import { checkInteger } from "./arguments.js"
import type { VirtioDevice } from "./virtio-device.js"
import type { Virtqueue } from "./virtqueue.js"
import { WaitingLine } from "./waiting-line.js"

export interface RequestQueueOptions {
  /** Of the virtqueue. */
  readonly index: number
  /** What it is called in messages to people, as `GPIO`. */
  readonly name: string
  /** Bytes that one request gives the device at most, and bytes that the device may write; at least one of them. */
  readonly readableBytes: number
  readonly writableBytes: number
  /** Requests with the device at once, at most. */
  readonly slotCount: number
  /** The device is reset when it completes nothing for so long; absent: it may take for ever. */
  readonly timeoutMs?: number
}

interface Call {
  readonly request: Uint8Array
  readonly responseLength: number
  readonly resolve: (response: Uint8Array) => void
  readonly reject: (error: VirtioMsgError) => void
}

/** The places of the slots, until the device is reset. */
interface Slots {
  readonly queue: Virtqueue
  readonly places: WindowPlaces
  readonly readable: number
  readonly writable: number
  /** Of the first slot, and of each of the others. */
  readonly longBytes: number
  readonly writableBytes: number
  readonly count: number
  readonly free: number[]
}

/** The slot that has more room than the others, if any has. */
const LONG_SLOT = 0

export class RequestQueue {
  readonly #device: VirtioDevice
  readonly #options: RequestQueueOptions
  readonly #off: (() => void)[]
  readonly #waiting = new WaitingLine<Call>()
  /** By slot. */
  readonly #inFlight = new Map<number, Call>()
  #slots: Slots | undefined
  #watchdog: Timer | undefined
  #isPumpScheduled = false

  constructor(device: VirtioDevice, options: RequestQueueOptions) {
    this.#device = device
    this.#options = options
    this.#off = [
      device.onUsed.on((index) => {
        if (index === options.index) this.#takeUsed()
      }),
      device.onBroken.on((error) => this.fail(error)),
      device.onReset.on(() => this.#dispose()),
    ]
  }

  /** Descriptors that the queue should have. */
  static descriptorsFor(options: Omit<RequestQueueOptions, "index" | "name">): number {
    let size = 1
    while (size < options.slotCount * descriptorsOf(options)) size *= 2
    return size
  }

  /** Requests with the device. */
  get inFlightCount(): number {
    return this.#inFlight.size
  }

  /**
   * Takes the queue of a device that was just initialised; one of its slots has room for `longBytes`, if there are
   * longer responses than the usual ones, which is known only now. Throws DEVICE_FAILED when the window has no room.
   */
  open(longBytes = this.#options.writableBytes): void {
    const queue = this.#device.queues[this.#options.index]
    if (!queue)
      throw new VirtioMsgError(
        "DEVICE_RESTARTED",
        `Device ${this.#device.devNum} was lost while its driver was getting ready.`,
        { hint: "The next call initialises it again." },
      )
    const { readableBytes, writableBytes, slotCount } = this.#options
    const { driverSpace, deviceSpace } = this.#device.bus.window
    const count = Math.min(slotCount, Math.floor(queue.ring.size / descriptorsOf(this.#options)))
    const places = takePlaces([
      { space: driverSpace, lengthBytes: count * readableBytes },
      { space: deviceSpace, lengthBytes: longBytes + (count - 1) * writableBytes },
    ])
    if (!places || count < 1)
      throw new VirtioMsgError(
        "DEVICE_FAILED",
        `The window has no room for ${count} requests of ${this.#options.name}.`,
        { hint: "Use fewer of the board's devices at the same time." },
      )
    const free = Array.from({ length: count }, (_, slot) => slot)
    const [readable, writable] = places.offsets as [number, number]
    this.#slots = { queue, places, readable, writable, longBytes, writableBytes, count, free }
  }

  /**
   * Queues a request of up to `readableBytes`, with room for `responseLength` bytes, and resolves with those that
   * the device wrote. What is queued in one turn of the event loop shares a packet. Rejects when the device fails,
   * is removed or restarted, or the link closes. `request` is the queue's from now on. Throws INVALID_ARGUMENT,
   * and QUEUE_FULL when MAX_WAITING_CALLS wait.
   */
  submit(request: Uint8Array, responseLength: number): Promise<Uint8Array> {
    const most = this.#slots?.longBytes ?? this.#options.writableBytes
    checkInteger(
      `The length of a ${this.#options.name} request`,
      request.length,
      0,
      this.#options.readableBytes,
    )
    checkInteger(`The length of a ${this.#options.name} response`, responseLength, 0, most)
    this.#waiting.checkRoom(1, this.#options.name)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, responseLength, resolve, reject })
      this.#schedulePump()
    })
  }

  /** Rejects all requests. Their slots stay taken until the device is reset. */
  fail(error: VirtioMsgError): void {
    this.#watchdog?.cancel()
    this.#watchdog = undefined
    const lost = [...this.#inFlight.values()]
    this.#inFlight.clear()
    for (const call of lost) {
      this.#device.bus.session.settle()
      call.reject(error)
    }
    for (const call of this.#waiting.takeAll()) call.reject(error.asUnexecuted())
  }

  /** Rejects all requests, and listens to the device no more. */
  close(error: VirtioMsgError): void {
    this.fail(error)
    for (const off of this.#off) off()
  }

  #dispose(): void {
    this.#slots?.places.release()
    this.#slots = undefined
  }

  #schedulePump(): void {
    if (this.#isPumpScheduled) return
    this.#isPumpScheduled = true
    queueMicrotask(() => {
      this.#isPumpScheduled = false
      this.#pump()
    })
  }

  /** Offers waiting requests as long as there are slots, and tells the device once. */
  #pump(): void {
    const slots = this.#slots
    if (!slots || !this.#device.isLive) return
    const before = this.#inFlight.size
    for (let call = this.#waiting.first; call; call = this.#waiting.first) {
      const slot = takeSlot(slots, call.responseLength)
      if (slot === undefined) break
      this.#waiting.shift()
      this.#offer(slots, slot, call)
    }
    if (this.#inFlight.size === before) return
    this.#device.announce(slots.queue)
    this.#watch()
  }

  #offer(slots: Slots, slot: number, call: Call): void {
    const { readableBytes } = this.#options
    const { ring } = slots.queue
    const { request, responseLength } = call
    const head = slot * descriptorsOf(this.#options)
    if (request.length > 0) {
      const { outgoing } = this.#device.bus.window
      const at = slots.readable + slot * readableBytes
      for (const [i, byte] of request.entries()) outgoing.put8(at + i, byte)
      ring.describe(head, at, request.length, false, responseLength > 0 ? head + 1 : -1)
    }
    if (responseLength > 0) {
      const index = request.length > 0 ? head + 1 : head
      ring.describe(index, writableAt(slots, slot), responseLength, true, -1)
    }
    ring.offer(head, responseLength)
    this.#inFlight.set(slot, call)
    this.#device.bus.session.await()
  }

  #takeUsed(): void {
    const slots = this.#slots
    if (!slots || !this.#device.isLive) return
    const { ring } = slots.queue
    const each = descriptorsOf(this.#options)
    for (let head = ring.take(); head !== NOTHING_USED; head = ring.take()) {
      if (head === USED_BROKEN) {
        this.#device.fail(
          new VirtioMsgError(
            "BROKEN_QUEUE",
            `Device ${this.#device.devNum} broke its queue: ${ring.brokenReason}.`,
            { hint: "The next call initialises the device again.", maybeExecuted: true },
          ),
        )
        return
      }
      const slot = head / each
      const call = this.#inFlight.get(slot)
      this.#inFlight.delete(slot)
      slots.free.push(slot)
      this.#device.bus.session.settle()
      const at = writableAt(slots, slot)
      const { incoming } = this.#device.bus.window
      call?.resolve(Uint8Array.from(incoming.subarray(at, at + ring.usedLength)))
    }
    this.#watch()
    this.#schedulePump()
  }

  /** Gives the device `timeoutMs` from now to complete anything. */
  #watch(): void {
    const { timeoutMs, name } = this.#options
    this.#watchdog?.cancel()
    this.#watchdog = undefined
    if (timeoutMs === undefined || this.#inFlight.size === 0) return
    this.#watchdog = this.#device.bus.clock.schedule(timeoutMs, () => {
      this.#device.fail(
        new VirtioMsgError("TIMEOUT", `The ${name} device completed nothing for ${timeoutMs} ms.`, {
          hint: "The next call resets the device.",
          maybeExecuted: true,
        }),
      )
    })
  }
}

/** A free slot with room for the response, the long one last; undefined when there is none. */
function takeSlot({ free, longBytes, writableBytes }: Slots, responseLength: number): number | undefined {
  if (longBytes === writableBytes) return free.shift()
  const isLong = responseLength > writableBytes
  const at = free.findIndex((slot) => (slot === LONG_SLOT) === isLong)
  const found = at < 0 && !isLong ? 0 : at
  return found < 0 ? undefined : free.splice(found, 1)[0]
}

/** Where in the window the response of `slot` lies. */
function writableAt({ writable, longBytes, writableBytes }: Slots, slot: number): number {
  return slot === LONG_SLOT ? writable : writable + longBytes + (slot - 1) * writableBytes
}

function descriptorsOf({ readableBytes, writableBytes }: { readableBytes: number; writableBytes: number }) {
  return (readableBytes > 0 ? 1 : 0) + (writableBytes > 0 ? 1 : 0)
}
