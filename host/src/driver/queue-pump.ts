// What is common to all queues of calls. Calls wait until there is room. Those of one turn of the event loop go to the
// device with one notification. A watchdog guards the calls that are with the device. Used elements complete them. A
// failure ends them all.

import { NOTHING_USED, USED_BROKEN } from "../../../shared-protocol/src/ring/driver-ring.js"
import type { VirtioMsgError } from "../errors.js"
import { brokenQueue } from "./failures.js"
import type { VirtioDevice } from "./virtio-device.js"
import type { Virtqueue } from "./virtqueue.js"
import { WaitingLine } from "./waiting-line.js"
import { Watchdog } from "./watchdog.js"

export interface PumpedCall {
  readonly reject: (error: VirtioMsgError) => void
}

/** How one kind of request lies in its queue. Calls that must be offered together are a group. */
export interface QueueUser<Call extends PumpedCall> {
  /** Of the virtqueue. */
  readonly index: number
  /** What the device is called in messages to people, as `GPIO`. */
  readonly name: string
  /** The queue, from the time when the driver has places in the window until the device is reset. */
  queue(): Virtqueue | undefined
  /** The device is reset when it completes nothing for so long. Undefined: it may take any time. */
  timeoutMs(): number | undefined
  timedOut(timeoutMs: number): VirtioMsgError
  /**
   * Nothing is in flight, and these groups will be offered next: the oldest first, at most as many as there are slots.
   */
  prepare?(groups: readonly (readonly Call[])[]): void
  /**
   * Offers a chain for each call of a group, and returns their heads. Undefined when the group has to wait for room.
   */
  offer(group: readonly Call[]): readonly number[] | undefined
  /** The error for a group that finds no room although nothing is in flight, and so never will. */
  tooLarge(group: readonly Call[]): VirtioMsgError
  /** Settles the call whose chain came back with `usedLength` bytes written, and frees the place of the chain. */
  complete(call: Call | undefined, head: number, usedLength: number): void
  /** Initialises a device that is not ready for a call. Where this is absent, the callers do so. */
  start?(): Promise<void>
  /** What the callers are told of an error of the device. Where this is absent, they get the error itself. */
  explain?(error: VirtioMsgError): VirtioMsgError
}

export class QueuePump<Call extends PumpedCall> {
  readonly #device: VirtioDevice
  readonly #user: QueueUser<Call>
  readonly #off: (() => void)[]
  /** Groups not yet with the device, oldest first. */
  readonly #waiting = new WaitingLine<readonly Call[]>()
  /** Calls with the device, by the heads of their chains. */
  readonly #inFlight = new Map<number, Call>()
  readonly #watchdog: Watchdog
  /** Tells the bus that nothing is awaited any more. Undefined while nothing is awaited. */
  #release: (() => void) | undefined
  #isScheduled = false
  #closedBy: VirtioMsgError | undefined

  constructor(device: VirtioDevice, user: QueueUser<Call>) {
    this.#device = device
    this.#user = user
    this.#watchdog = new Watchdog(device.bus.clock, (limitMs) => device.fail(user.timedOut(limitMs)))
    this.#off = [
      device.onUsed.on((index) => {
        if (index === user.index) this.#takeUsed()
      }),
      device.onBroken.on((error) => this.fail(user.explain?.(error) ?? error)),
    ]
  }

  /** Throws QUEUE_FULL when `count` more groups are too many. */
  checkRoom(count: number): void {
    this.#waiting.checkRoom(count, this.#user.name)
  }

  /** Queues calls. The device gets those of one turn of the event loop together, with one kick. */
  push(group: readonly Call[]): void {
    this.#waiting.push(group)
    this.#schedule()
  }

  /** Rejects all calls. Their places in the queue stay taken until the device is reset. */
  fail(error: VirtioMsgError): void {
    this.#watchdog.stop()
    const lost = [...this.#inFlight.values()]
    this.#inFlight.clear()
    this.#letGo()
    for (const call of lost) call.reject(error)
    this.#failWaiting(error)
  }

  /** Rejects all calls, now and later, and listens to the device no more. */
  close(error: VirtioMsgError): void {
    this.#closedBy = error
    this.fail(error)
    for (const off of this.#off) off()
  }

  /** Nothing is with the device any more. */
  #letGo(): void {
    this.#release?.()
    this.#release = undefined
  }

  #failWaiting(error: VirtioMsgError): void {
    for (const call of this.#waiting.takeAll().flat()) call.reject(error.asUnexecuted())
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.#pump()
    })
  }

  /** Offers waiting groups while there is room, then tells the device once. */
  #pump(): void {
    if (this.#waiting.length === 0) return
    if (this.#closedBy) {
      this.#failWaiting(this.#closedBy)
      return
    }
    const queue = this.#user.queue()
    if (!queue || !this.#device.isLive) {
      this.#user.start?.().then(
        () => this.#schedule(),
        (error) => this.#failWaiting(error),
      )
      return
    }
    const before = this.#inFlight.size
    if (before === 0) this.#user.prepare?.(this.#waiting.oldest(queue.ring.size))
    for (let group = this.#waiting.first; group; group = this.#waiting.first) {
      if (!this.#offer(group)) break
      this.#waiting.shift()
    }
    if (this.#inFlight.size === before) return
    this.#device.announce(queue)
    this.#watch()
  }

  /** Offers a group, or refuses it for good. False when it has to wait. */
  #offer(group: readonly Call[]): boolean {
    const heads = this.#user.offer(group)
    if (!heads) {
      if (this.#inFlight.size > 0) return false
      const error = this.#user.tooLarge(group)
      for (const call of group) call.reject(error)
      return true
    }
    for (let at = 0; at < heads.length; at++) this.#inFlight.set(heads[at] as number, group[at] as Call)
    return true
  }

  /** Completes what the device gave back. */
  #takeUsed(): void {
    const ring = this.#user.queue()?.ring
    if (!ring || !this.#device.isLive) return
    for (let head = ring.take(); head !== NOTHING_USED; head = ring.take()) {
      if (head === USED_BROKEN) {
        this.#device.fail(brokenQueue(this.#device.devNum, ring.brokenReason))
        return
      }
      const call = this.#inFlight.get(head)
      this.#inFlight.delete(head)
      this.#user.complete(call, head, ring.usedLength)
    }
    this.#watch()
    // whoever waited for these can queue more calls before the next kick
    this.#schedule()
  }

  /** The device has the whole time again, from now on, to complete something. */
  #watch(): void {
    if (this.#inFlight.size === 0) {
      this.#watchdog.rest()
      this.#letGo()
      return
    }
    this.#release ??= this.#device.bus.hold()
    const timeoutMs = this.#user.timeoutMs()
    if (timeoutMs === undefined) this.#watchdog.rest()
    else this.#watchdog.watch(timeoutMs)
  }
}
