// Walks a chain of descriptors as an observer of the window sees it: its buffers, and what is wrong with it
// (virtio 1.4 2.7.5).

import { readChain } from "../../../shared-protocol/src/ring/chain-reader.js"
import { DESCRIPTOR_SIZE, descBytes } from "../../../shared-protocol/src/ring/layout.js"
import { counted } from "../counted.js"
import { hex } from "../hex.js"
import { type Place, placeOf, type WindowView } from "./window-view.js"

/** One buffer of a chain. */
interface Buffer {
  readonly place: Place
  readonly length: number
  readonly isWritable: boolean
}

/** A chain that went to the device, or came back. */
export interface ObservedChain {
  readonly head: number
  readonly buffers: readonly Buffer[]
  /** What is wrong with it; undefined when nothing is. */
  readonly fault: string | undefined
}

/** The chain that begins at descriptor `head` of a table of `size`, as the window has it now. */
export function walkChain(window: WindowView, table: Place, size: number, head: number): ObservedChain {
  const buffers: Buffer[] = []
  const bytesAt = (place: Place, length: number) => window.read(place.area, place.offset, length)
  const fault = readChain(bytesAt(table, descBytes(size)) ?? new Uint8Array(), head, size, {
    table: ({ low, high, lengthBytes }) => {
      if (lengthBytes === 0 || lengthBytes % DESCRIPTOR_SIZE !== 0)
        return `an indirect table of ${counted(lengthBytes, "byte")}`
      return bytesAt(placeOf(low, high), lengthBytes) ?? outside("an indirect table", lengthBytes, low, high)
    },
    buffer: ({ low, high, lengthBytes, isWritable }) => {
      const place = placeOf(low, high)
      if (!bytesAt(place, lengthBytes)) return outside("a buffer", lengthBytes, low, high)
      if (buffers.at(-1)?.isWritable && !isWritable) return "a readable buffer behind a writable one"
      buffers.push({ place, length: lengthBytes, isWritable })
      return ""
    },
  })
  return { head, buffers, fault: fault || undefined }
}

function outside(what: string, lengthBytes: number, low: number, high: number): string {
  const { area, offset } = placeOf(low, high)
  return `${what} of ${counted(lengthBytes, "byte")} at ${area}:${hex(offset)}, outside the window`
}

/** How many bytes the device may write to a chain. */
export function writableBytes(chain: ObservedChain): number {
  return chain.buffers.reduce((sum, { isWritable, length }) => sum + (isWritable ? length : 0), 0)
}
