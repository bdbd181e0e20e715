// Reads a chain of descriptors (virtio 1.4 2.7.5), for code that watches, and for devices whose memory is not the
// mailbox's. The visitor says where the tables lie, and which buffers are refused. The walk always ends, whatever the
// tables hold.

import { type ByteBuf, getU16, getU32 } from "../bytes.js"
import { DESCRIPTOR_INDIRECT, DESCRIPTOR_NEXT, DESCRIPTOR_SIZE, DESCRIPTOR_WRITE } from "./layout.js"

export interface ChainDescriptor {
  readonly index: number
  /** The two halves of the 64-bit address. */
  readonly low: number
  readonly high: number
  readonly lengthBytes: number
  readonly flags: number
  readonly next: number
  /** The device may write to it. */
  readonly isWritable: boolean
  /** It stands in an indirect table. */
  readonly isIndirect: boolean
}

export interface ChainVisitor {
  /** A buffer of the chain. Returns what is wrong with it, "" when nothing is. */
  buffer(descriptor: ChainDescriptor): string
  /**
   * The table that an indirect descriptor stands for. Or a reason why it is wrong. Or "" to end the chain here
   * without a fault.
   */
  table(descriptor: ChainDescriptor): ByteBuf | string
}

/**
 * Visits the chain that begins at `head` of `table`, which is as long as the queue. A chain has at most `most` buffers.
 * Returns what is wrong with it, "" when nothing is.
 */
export function readChain(table: ByteBuf, head: number, most: number, visitor: ChainVisitor): string {
  let isIndirect = false
  let index = head
  for (let left = most; ; ) {
    const size = Math.floor(table.length / DESCRIPTOR_SIZE)
    if (index >= size) return `descriptor ${index} is outside a table of ${size}`
    const descriptor = descriptorAt(table, index, isIndirect)
    if (descriptor.flags & DESCRIPTOR_INDIRECT) {
      const indirect = visitor.table(descriptor)
      if (typeof indirect === "string") return indirect
      if (isIndirect) return "an indirect table inside an indirect table"
      isIndirect = true
      table = indirect
      index = 0
      continue
    }
    if (left-- === 0) return `a chain that is longer than ${most}, or a loop`
    const reason = visitor.buffer(descriptor)
    if (reason !== "" || (descriptor.flags & DESCRIPTOR_NEXT) === 0) return reason
    index = descriptor.next
  }
}

function descriptorAt(table: ByteBuf, index: number, isIndirect: boolean): ChainDescriptor {
  const at = DESCRIPTOR_SIZE * index
  const flags = getU16(table, at + 12)
  return {
    index,
    low: getU32(table, at),
    high: getU32(table, at + 4),
    lengthBytes: getU32(table, at + 8),
    flags,
    next: getU16(table, at + 14),
    isWritable: (flags & DESCRIPTOR_WRITE) !== 0,
    isIndirect,
  }
}
