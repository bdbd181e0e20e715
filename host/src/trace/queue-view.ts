// An observer's view of one split virtqueue: where it lies, and the chains that go to the device and come back
// (virtio 1.4 2.7).

import { availBytes, descBytes, isQueueSize, usedBytes } from "../../../shared-protocol/src/ring/layout.js"
import { type ObservedChain, walkChain, writableBytes } from "./chain.js"
import { queueRecords } from "./queue-records.js"
import type { QueueRecord } from "./trace-event.js"
import { NOWHERE, overlaps, type Place, type WindowView } from "./window-view.js"

const BIT_IN_ORDER = 35

/** A used chain, and how much the device wrote to it. */
export interface UsedChain {
  readonly chain: ObservedChain
  readonly length: number
  /** Whether the chain was seen going to the device. */
  readonly wasInFlight: boolean
}

/** What a queue needs of the view of its device. */
interface QueueOwner {
  readonly devNum: number
  /** Whether the driver took a feature bit. */
  hasTaken(bit: number): boolean
}

export class QueueView {
  readonly index: number
  size = 0
  isEnabled = false
  desc = NOWHERE
  driver = NOWHERE
  device = NOWHERE

  readonly #owner: QueueOwner
  readonly #window: WindowView
  /** How far the rings were followed. */
  #availIdx = 0
  #usedIdx = 0
  /** Chains that the device has, in the order in which they went there. */
  readonly #inFlight = new Map<number, ObservedChain>()

  constructor(owner: QueueOwner, index: number, window: WindowView) {
    this.#owner = owner
    this.index = index
    this.#window = window
  }

  get devNum(): number {
    return this.#owner.devNum
  }

  /** The queue begins: its rings are followed from now on. */
  begin(): void {
    this.isEnabled = true
    this.#availIdx = this.#window.u16(this.driver.area, this.driver.offset + 2)
    this.#usedIdx = this.#window.u16(this.device.area, this.device.offset + 2)
    this.#inFlight.clear()
    if (!this.#isSound()) return
    const out = (this.#availIdx - this.#usedIdx) & 0xffff
    for (let i = 0; i < Math.min(out, this.size); i++) {
      const head = this.#availHead(this.#usedIdx + i)
      this.#inFlight.set(head, this.#walk(head))
    }
  }

  /** What a run of bytes is in this queue. The bytes are in the window already. */
  recordsIn(area: number, offset: number, length: number): QueueRecord[] {
    return this.#isSound() ? queueRecords(this, this.#window, { area, offset, length }) : []
  }

  /** Whether the index of the available ring or of the used ring is in the run of bytes. */
  announces(part: "available" | "used", area: number, offset: number, length: number): boolean {
    const place = part === "available" ? this.driver : this.device
    return this.#isSound() && place.area === area && overlaps(offset, length, place.offset + 2, 2)
  }

  /** The chains that became available since the last call. */
  takeAvailable(): ObservedChain[] {
    const idx = this.#window.u16(this.driver.area, this.driver.offset + 2)
    const chains: ObservedChain[] = []
    for (let left = Math.min((idx - this.#availIdx) & 0xffff, this.size); left > 0; left--) {
      const chain = this.#walk(this.#availHead(idx - left))
      this.#inFlight.delete(chain.head)
      this.#inFlight.set(chain.head, chain)
      chains.push(chain)
    }
    this.#availIdx = idx
    return chains
  }

  /** The chains that the device used since the last call. */
  takeUsed(): UsedChain[] {
    const idx = this.#window.u16(this.device.area, this.device.offset + 2)
    const used: UsedChain[] = []
    let left = Math.min((idx - this.#usedIdx) & 0xffff, this.size)
    while (left > 0) {
      const at = this.device.offset + 4 + 8 * ((idx - left) & (this.size - 1))
      const head = this.#window.u32(this.device.area, at)
      const length = this.#window.u32(this.device.area, at + 4)
      const batch = this.#batchUpTo(head, left)
      left -= batch.length
      used.push(...batch.map((chain, i) => this.#giveBack(chain, i < batch.length - 1 ? undefined : length)))
    }
    this.#usedIdx = idx
    return used
  }

  /** With VIRTIO_F_IN_ORDER one used element stands for all chains up to its own (2.7.9). */
  #batchUpTo(head: number, most: number): ObservedChain[] {
    const known = this.#inFlight.get(head)
    if (!known) return [this.#walk(head)]
    if (!this.#owner.hasTaken(BIT_IN_ORDER)) return [known]
    const order = [...this.#inFlight.values()]
    const batch = order.slice(0, order.indexOf(known) + 1)
    return batch.length <= most ? batch : [known]
  }

  #giveBack(chain: ObservedChain, length: number | undefined): UsedChain {
    const wasInFlight = this.#inFlight.delete(chain.head)
    return { chain, length: length ?? writableBytes(chain), wasInFlight }
  }

  #walk(head: number): ObservedChain {
    return walkChain(this.#window, this.desc, this.size, head)
  }

  #availHead(position: number): number {
    return this.#window.u16(this.driver.area, this.driver.offset + 4 + 2 * (position & (this.size - 1)))
  }

  /** Whether the queue can be followed: enabled, and wholly inside the window, which bounds every loop here. */
  #isSound(): boolean {
    const isInside = (place: Place, bytes: number) =>
      this.#window.read(place.area, place.offset, bytes) !== undefined
    return (
      this.isEnabled &&
      isQueueSize(this.size) &&
      isInside(this.desc, descBytes(this.size)) &&
      isInside(this.driver, availBytes(this.size)) &&
      isInside(this.device, usedBytes(this.size))
    )
  }
}
