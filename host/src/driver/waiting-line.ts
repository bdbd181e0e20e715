// Calls that wait in the host until the device has room for them: oldest first, and a limited number. Taking one costs
// the same however many wait. An array's own `shift` would move all that are behind it.

import { counted } from "../counted.js"
import { VirtioMsgError } from "../errors.js"

/** So many may wait for one queue of a device. A program with more asks faster than any device can answer. */
export const MAX_WAITING_CALLS = 0x40000

/** So many empty places may be at the front before the others move up. */
const MIN_LEFT = 1024

export class WaitingLine<T> {
  #items: T[] = []
  /** The index of the oldest call. Those before it have left. */
  #first = 0

  get length(): number {
    return this.#items.length - this.#first
  }

  get first(): T | undefined {
    return this.#items[this.#first]
  }

  /** The oldest ones, so many at most. */
  oldest(count: number): T[] {
    return this.#items.slice(this.#first, this.#first + count)
  }

  /** Throws QUEUE_FULL when `count` more are too many for `name`, which is what people call the device. */
  checkRoom(count: number, name: string): void {
    if (this.length + count <= MAX_WAITING_CALLS) return
    throw new VirtioMsgError(
      "QUEUE_FULL",
      `${counted(this.length, "call waits", "calls wait")} for the ${name} device; at most ${MAX_WAITING_CALLS} may.`,
      { hint: "Await some of them before making more." },
    )
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    const item = this.first
    if (this.length > 0) this.#first++
    if (this.#first === this.#items.length) {
      // at once: what has left would be kept alive until many have, and garbage that is old costs most
      this.#items = []
      this.#first = 0
    } else if (this.#first >= MIN_LEFT && 2 * this.#first >= this.#items.length) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return item
  }

  /** Removes all of them, oldest first. */
  takeAll(): T[] {
    const all = this.#items.slice(this.#first)
    this.#items = []
    this.#first = 0
    return all
  }
}
