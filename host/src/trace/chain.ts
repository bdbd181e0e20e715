// Walks a chain of descriptors as an observer of the window sees it: its buffers, and what is wrong with it
// (virtio 1.4 2.7.5).

import {
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_SIZE,
  DESCRIPTOR_WRITE,
} from "../../../shared-protocol/src/ring/layout.js"
import { type Place, placeOf, type WindowView } from "./window-view.js"

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

/** The chain that begins at descriptor `head` of a table of `size`, as it stands in the window now. */
export function walkChain(window: WindowView, table: Place, size: number, head: number): Chain {
  const buffers: Buffer[] = []
  const fault = walkTable(window, table, size, head, buffers, true)
  return { head, buffers, fault }
}

/** How many bytes the device may write to a chain. */
export function writableBytes(chain: Chain): number {
  return chain.buffers.reduce((sum, { isWritable, length }) => sum + (isWritable ? length : 0), 0)
}

function walkTable(
  window: WindowView,
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
    const place = placeOf(window.u32(table.area, at), window.u32(table.area, at + 4))
    const length = window.u32(table.area, at + 8)
    const flags = window.u16(table.area, at + 12)
    if (flags & DESCRIPTOR_INDIRECT) {
      if (!isOuter) return "an indirect table inside an indirect table"
      if (length === 0 || length % DESCRIPTOR_SIZE !== 0) return `an indirect table of ${length} bytes`
      return walkTable(window, place, length / DESCRIPTOR_SIZE, 0, buffers, false)
    }
    if (!window.read(place.area, place.offset, length))
      return `a buffer of ${length} bytes at ${place.area}:0x${place.offset.toString(16)}, outside the window`
    const isWritable = (flags & DESCRIPTOR_WRITE) !== 0
    if (hasWritable && !isWritable) return "a readable buffer behind a writable one"
    hasWritable = isWritable
    buffers.push({ place, length, isWritable })
    if ((flags & DESCRIPTOR_NEXT) === 0) return undefined
    index = window.u16(table.area, at + 14)
  }
}
