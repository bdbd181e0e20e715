// Calls that wait in the host until there is room with the device: oldest first, so many at most. Taking one costs the
// same however many wait; an array's own `shift` moves all that are behind it.

import { VirtioMsgError } from "../errors.js"

/** So many may wait for one queue of a device; more is a program that asks faster than a device can ever answer. */
export const MAX_WAITING_CALLS = 0x40000

/** Places that were left at the front before the others move up. */
const MIN_LEFT = 1024

export class WaitingLine<T> {
  #items: T[] = []
  /** Where the oldest one is; those before it have left. */
  #first = 0

  get length(): number {
    return this.#items.length - this.#first
  }

  /** The oldest one. */
  get first(): T | undefined {
    return this.#items[this.#first]
  }

  /** Throws QUEUE_FULL when `count` more are too many for `name`, which is what people call the device. */
  checkRoom(count: number, name: string): void {
    if (this.length + count <= MAX_WAITING_CALLS) return
    throw new VirtioMsgError(
      "QUEUE_FULL",
      `${this.length} calls wait for the ${name} device; at most ${MAX_WAITING_CALLS} may.`,
      { hint: "Await some of them before making more." },
    )
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** Removes the oldest one. */
  shift(): T | undefined {
    const item = this.first
    if (this.length > 0) this.#first++
    if (this.#first >= MIN_LEFT && 2 * this.#first >= this.#items.length) {
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
