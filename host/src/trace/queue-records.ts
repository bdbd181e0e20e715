// Which parts of a split virtqueue a run of bytes in the window is, field by field: descriptors, elements, flags and
// indexes of the rings (virtio 1.4 2.7).

import {
  availBytes,
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_SIZE,
  DESCRIPTOR_WRITE,
  descBytes,
  usedBytes,
} from "../../../shared-protocol/src/ring/layout.js"
import { bitNames } from "../hex.js"
import { FieldReader } from "./field.js"
import { windowAddress } from "./message-layouts.js"
import type { QueueRecord } from "./trace-event.js"
import { overlaps, type Place, type WindowView } from "./window-view.js"

const DESCRIPTOR_FLAGS = [
  [DESCRIPTOR_NEXT, "NEXT"],
  [DESCRIPTOR_WRITE, "WRITE"],
  [DESCRIPTOR_INDIRECT, "INDIRECT"],
] as const

/** Where a queue's parts are. All of them have to be inside the window. */
export interface QueueParts {
  readonly devNum: number
  readonly index: number
  readonly size: number
  readonly desc: Place
  readonly driver: Place
  readonly device: Place
}

/** A run of bytes of one area. */
interface Run extends Place {
  readonly length: number
}

/** How the elements of a ring are read, and what is behind them. */
interface RingLayout {
  readonly part: "available ring" | "used ring"
  readonly elementSize: number
  /** The index at which the other side wants to be notified again. */
  readonly eventName: string
  readonly readElement: (reader: FieldReader) => void
}

const AVAILABLE: RingLayout = {
  part: "available ring",
  elementSize: 2,
  eventName: "used_event",
  readElement: (reader) => reader.u16("ring"),
}

const USED: RingLayout = {
  part: "used ring",
  elementSize: 8,
  eventName: "avail_event",
  readElement: (reader) => {
    reader.u32("id")
    reader.u32("used_len")
  },
}

/** Which parts of the queue the run of bytes is. The bytes are in the window already. */
export function queueRecords(queue: QueueParts, window: WindowView, run: Run): QueueRecord[] {
  const { size, desc, driver, device } = queue
  const touches = (place: Place, bytes: number) =>
    run.area === place.area && overlaps(run.offset, run.length, place.offset, bytes)
  return [
    ...(touches(desc, descBytes(size)) ? descriptorsIn(queue, window, run) : []),
    ...(touches(driver, availBytes(size)) ? ringIn(queue, window, run, driver.offset, AVAILABLE) : []),
    ...(touches(device, usedBytes(size)) ? ringIn(queue, window, run, device.offset, USED) : []),
  ]
}

function descriptorsIn(queue: QueueParts, window: WindowView, run: Run): QueueRecord[] {
  const start = queue.desc.offset
  return slotsIn(run, start, DESCRIPTOR_SIZE, queue.size).map((index) => {
    const at = start + DESCRIPTOR_SIZE * index
    const reader = new FieldReader(window.read(run.area, at, DESCRIPTOR_SIZE) ?? new Uint8Array(0))
    reader.u64("addr", windowAddress)
    reader.u32("len")
    reader.u16("desc_flags", (flags) => bitNames(flags, DESCRIPTOR_FLAGS))
    reader.u16("next")
    return record(queue, "descriptor", reader, index)
  })
}

/**
 * Both rings have the same form: flags, idx, elements, and an index at which the other side wants to be notified
 * again.
 */
function ringIn(
  queue: QueueParts,
  window: WindowView,
  run: Run,
  start: number,
  { part, elementSize, eventName, readElement }: RingLayout,
): QueueRecord[] {
  const bytes = window.read(run.area, start, 6 + elementSize * queue.size) ?? new Uint8Array(0)
  const isWritten = (at: number, size: number) => overlaps(run.offset, run.length, start + at, size)
  const head = new FieldReader(bytes)
  if (isWritten(0, 2)) head.u16("ring_flags", (flags) => (flags & 1 ? "no notification wanted" : ""))
  head.at = 2
  if (isWritten(2, 2)) head.u16("idx")
  head.at = bytes.length - 2
  if (isWritten(head.at, 2)) head.u16(eventName)
  const records = slotsIn(run, start + 4, elementSize, queue.size).map((slot) => {
    const reader = new FieldReader(bytes, 4 + elementSize * slot)
    readElement(reader)
    return record(queue, part, reader, slot)
  })
  if (head.fields.length > 0) records.push(record(queue, part, head))
  return records
}

/** The numbers of the slots that the run has bytes of. Slots have `slotSize` bytes each, from `start` on. */
function slotsIn({ offset, length }: Run, start: number, slotSize: number, count: number): number[] {
  const first = Math.max(0, Math.floor((offset - start) / slotSize))
  const last = Math.min(count - 1, Math.floor((offset + length - 1 - start) / slotSize))
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)
}

function record(
  { devNum, index: queueIndex }: QueueParts,
  part: QueueRecord["part"],
  { fields }: FieldReader,
  index?: number,
): QueueRecord {
  return { part, devNum, queueIndex, ...(index === undefined ? {} : { index }), fields }
}
