// An observer's view of one split virtqueue: which spans write which part of it, and the chains that go to the device
// and come back (virtio 1.4 2.7).

import {
  availBytes,
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_SIZE,
  DESCRIPTOR_WRITE,
  descBytes,
  isQueueSize,
  usedBytes,
} from "../../../shared-protocol/src/ring/layout.js"
import type { DeviceView } from "./device-view.js"
import { FieldReader } from "./field.js"
import { windowAddress } from "./message-layouts.js"
import type { QueueRecord } from "./trace-event.js"
import type { WindowView } from "./window-view.js"

const BIT_IN_ORDER = 35

/** Where a part of the queue lies. */
export interface Place {
  readonly area: number
  readonly offset: number
}

const NOWHERE: Place = { area: 0, offset: 0 }

/** One buffer of a chain. */
interface Buffer {
  readonly place: Place
  readonly length: number
  readonly isWritable: boolean
}

/** A chain that went to the device, or came back. */
export interface Chain {
  readonly head: number
  readonly buffers: readonly Buffer[]
  /** What is wrong with it; undefined when nothing is. */
  readonly fault: string | undefined
}

/** A used chain, and how much the device wrote to it. */
export interface UsedChain {
  readonly chain: Chain
  readonly length: number
  /** Whether the chain was seen going to the device. */
  readonly wasInFlight: boolean
}

export class QueueView {
  readonly index: number
  size = 0
  isEnabled = false
  desc = NOWHERE
  driver = NOWHERE
  device = NOWHERE

  readonly #device: DeviceView
  readonly #window: WindowView
  /** Up to where the rings were followed. */
  #availIdx = 0
  #usedIdx = 0
  /** Chains with the device, in the order in which they went. */
  readonly #inFlight = new Map<number, Chain>()

  constructor(device: DeviceView, index: number, window: WindowView) {
    this.#device = device
    this.index = index
    this.#window = window
  }

  /** Both indexes, as far as they were followed. */
  get indexes(): { readonly available: number; readonly used: number } {
    return { available: this.#availIdx, used: this.#usedIdx }
  }

  /** The queue begins: its rings are followed from where they are now. */
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

  /** What of this queue a run of bytes is. The bytes are in the window already. */
  recordsIn(area: number, offset: number, length: number): QueueRecord[] {
    if (!this.#isSound()) return []
    return [
      ...this.#descriptorsIn(area, offset, length),
      ...this.#availIn(area, offset, length),
      ...this.#usedIn(area, offset, length),
    ]
  }

  /** Whether the run of bytes has the index of the available ring, or of the used ring, in it. */
  announces(part: "available" | "used", area: number, offset: number, length: number): boolean {
    const place = part === "available" ? this.driver : this.device
    return this.#isSound() && place.area === area && overlaps(offset, length, place.offset + 2, 2)
  }

  /** The chains that became available since the last call. */
  takeAvailable(): Chain[] {
    const idx = this.#window.u16(this.driver.area, this.driver.offset + 2)
    const chains: Chain[] = []
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
  #batchUpTo(head: number, most: number): Chain[] {
    const known = this.#inFlight.get(head)
    if (!known) return [this.#walk(head)]
    if (!this.#device.hasTaken(BIT_IN_ORDER)) return [known]
    const order = [...this.#inFlight.values()]
    const batch = order.slice(0, order.indexOf(known) + 1)
    return batch.length <= most ? batch : [known]
  }

  #giveBack(chain: Chain, length: number | undefined): UsedChain {
    const wasInFlight = this.#inFlight.delete(chain.head)
    return { chain, length: length ?? writableBytes(chain), wasInFlight }
  }

  #availHead(position: number): number {
    return this.#window.u16(this.driver.area, this.driver.offset + 4 + 2 * (position & (this.size - 1)))
  }

  #walk(head: number): Chain {
    const buffers: Buffer[] = []
    const fault = this.#walkTable(this.desc, this.size, head, buffers, true)
    return { head, buffers, fault }
  }

  #walkTable(
    table: Place,
    size: number,
    first: number,
    buffers: Buffer[],
    isOuter: boolean,
  ): string | undefined {
    const visited = new Set<number>()
    let hasWritable = false
    for (let index = first; ; ) {
      if (index >= size) return `descriptor ${index} is outside the table of ${size}`
      if (visited.has(index)) return "a chain that goes round in circles"
      visited.add(index)
      const at = table.offset + DESCRIPTOR_SIZE * index
      const place = placeOf(this.#window.u32(table.area, at), this.#window.u32(table.area, at + 4))
      const length = this.#window.u32(table.area, at + 8)
      const flags = this.#window.u16(table.area, at + 12)
      if (flags & DESCRIPTOR_INDIRECT) {
        if (!isOuter) return "an indirect table inside an indirect table"
        if (length === 0 || length % DESCRIPTOR_SIZE !== 0) return `an indirect table of ${length} bytes`
        return this.#walkTable(place, length / DESCRIPTOR_SIZE, 0, buffers, false)
      }
      if (!this.#window.read(place.area, place.offset, length))
        return `a buffer of ${length} bytes at ${place.area}:0x${place.offset.toString(16)}, outside the window`
      const isWritable = (flags & DESCRIPTOR_WRITE) !== 0
      if (hasWritable && !isWritable) return "a readable buffer behind a writable one"
      hasWritable = isWritable
      buffers.push({ place, length, isWritable })
      if ((flags & DESCRIPTOR_NEXT) === 0) return undefined
      index = this.#window.u16(table.area, at + 14)
    }
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

  #descriptorsIn(area: number, offset: number, length: number): QueueRecord[] {
    if (area !== this.desc.area || !overlaps(offset, length, this.desc.offset, descBytes(this.size)))
      return []
    const first = Math.max(0, Math.floor((offset - this.desc.offset) / DESCRIPTOR_SIZE))
    const last = Math.min(
      this.size - 1,
      Math.floor((offset + length - 1 - this.desc.offset) / DESCRIPTOR_SIZE),
    )
    return Array.from({ length: last - first + 1 }, (_, i) => {
      const index = first + i
      const at = this.desc.offset + DESCRIPTOR_SIZE * index
      const reader = new FieldReader(this.#window.read(area, at, DESCRIPTOR_SIZE) ?? new Uint8Array(0))
      reader.u64("addr", windowAddress)
      reader.u32("len")
      reader.u16("desc_flags", descriptorFlags)
      reader.u16("next")
      return this.#record("descriptor", reader, index)
    })
  }

  #availIn(area: number, offset: number, length: number): QueueRecord[] {
    const { offset: start } = this.driver
    if (area !== this.driver.area || !overlaps(offset, length, start, availBytes(this.size))) return []
    return this.#ringIn("available ring", area, start, offset, length, 2, "used_event", (reader) =>
      reader.u16("ring"),
    )
  }

  #usedIn(area: number, offset: number, length: number): QueueRecord[] {
    const { offset: start } = this.device
    if (area !== this.device.area || !overlaps(offset, length, start, usedBytes(this.size))) return []
    return this.#ringIn("used ring", area, start, offset, length, 8, "avail_event", (reader) => {
      reader.u32("id")
      reader.u32("used_len")
    })
  }

  /** Both rings are alike: flags, idx, elements, and an index at which the other side wants to hear again. */
  #ringIn(
    part: "available ring" | "used ring",
    area: number,
    start: number,
    offset: number,
    length: number,
    elementSize: number,
    eventName: string,
    readElement: (reader: FieldReader) => void,
  ): QueueRecord[] {
    const end = start + 6 + elementSize * this.size
    const bytes = this.#window.read(area, start, end - start) ?? new Uint8Array(0)
    const isWritten = (at: number, size: number) => overlaps(offset, length, start + at, size)
    const records: QueueRecord[] = []
    const head = new FieldReader(bytes)
    if (isWritten(0, 2)) head.u16("ring_flags", (flags) => (flags & 1 ? "no notification wanted" : ""))
    head.at = 2
    if (isWritten(2, 2)) head.u16("idx")
    head.at = bytes.length - 2
    if (isWritten(head.at, 2)) head.u16(eventName)
    const first = Math.max(0, Math.floor((offset - start - 4) / elementSize))
    const last = Math.min(this.size - 1, Math.floor((offset + length - 1 - start - 4) / elementSize))
    for (let slot = first; slot <= last; slot++) {
      const reader = new FieldReader(bytes, 4 + elementSize * slot)
      readElement(reader)
      records.push(this.#record(part, reader, slot))
    }
    if (head.fields.length > 0) records.push(this.#record(part, head))
    return records
  }

  #record(part: QueueRecord["part"], reader: FieldReader, index?: number): QueueRecord {
    return {
      part,
      devNum: this.#device.devNum,
      queueIndex: this.index,
      ...(index === undefined ? {} : { index }),
      fields: reader.fields,
    }
  }
}

/** How many bytes the device may write to a chain. */
export function writableBytes(chain: Chain): number {
  return chain.buffers.reduce((sum, { isWritable, length }) => sum + (isWritable ? length : 0), 0)
}

/** The area and the offset that a 64-bit address means. */
export function placeOf(low: number, high: number): Place {
  return high & 0xffff ? NOWHERE : { area: high >>> 16, offset: low }
}

function overlaps(offset: number, length: number, start: number, size: number): boolean {
  return offset < start + size && start < offset + length
}

function descriptorFlags(flags: number): string {
  return [
    [DESCRIPTOR_NEXT, "NEXT"] as const,
    [DESCRIPTOR_WRITE, "WRITE"] as const,
    [DESCRIPTOR_INDIRECT, "INDIRECT"] as const,
  ]
    .filter(([bit]) => flags & bit)
    .map(([, name]) => name)
    .join(" | ")
}
