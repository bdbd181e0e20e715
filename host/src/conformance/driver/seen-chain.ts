// A descriptor chain as the device that the suite plays finds it, with everything that a row may ask about
// (virtio 1.4 2.7.5 Descriptor Table, 2.7.6 Available Ring).

import { getU16, getU32 } from "../../../../shared-protocol/src/bytes.js"
import {
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_SIZE,
  DESCRIPTOR_WRITE,
} from "../../../../shared-protocol/src/ring/layout.js"

/** The window, as the device side sees it. */
export interface WindowMemory {
  read(address: bigint, lengthBytes: number): Uint8Array
  write(address: bigint, bytes: Uint8Array): void
}

export interface SeenDescriptor {
  readonly index: number
  readonly address: bigint
  readonly lengthBytes: number
  readonly flags: number
  readonly next: number
  /** It stood in an indirect table. */
  readonly isIndirect: boolean
}

/** A chain as it was when the device first looked at it. */
export interface SeenChain {
  readonly queueIndex: number
  readonly head: number
  readonly descriptors: readonly SeenDescriptor[]
  /** What is wrong with it as a chain; "" when nothing. */
  readonly problem: string
  /** Of the available ring, then. */
  readonly availFlags: number
  /** How many frames had been exchanged: what came before and what behind. */
  readonly at: number
  /** All device-readable bytes, one after another. */
  readonly readable: Uint8Array
}

/** Goes through a chain and reads what the driver put there; it ends where the chain makes no sense. */
export function followChain(
  memory: WindowMemory,
  queue: { readonly desc: bigint; readonly size: number },
  head: number,
): Pick<SeenChain, "descriptors" | "problem" | "readable"> {
  const descriptors: SeenDescriptor[] = []
  const readable: number[] = []
  let problem = ""
  let table = queue.desc
  let limit = queue.size
  let isIndirect = false
  for (let index = head; ; ) {
    if (index >= limit) problem = `descriptor ${index} is outside a table of ${limit}`
    else if (descriptors.length > queue.size) problem = "the chain does not end"
    if (problem !== "") break
    const bytes = memory.read(table + BigInt(DESCRIPTOR_SIZE * index), DESCRIPTOR_SIZE)
    const address = BigInt(getU32(bytes, 0)) | (BigInt(getU32(bytes, 4)) << 32n)
    const seen = {
      index,
      address,
      lengthBytes: getU32(bytes, 8),
      flags: getU16(bytes, 12),
      next: getU16(bytes, 14),
      isIndirect,
    }
    descriptors.push(seen)
    if (seen.flags & DESCRIPTOR_INDIRECT && !isIndirect) {
      isIndirect = true
      table = address
      limit = seen.lengthBytes / DESCRIPTOR_SIZE
      index = 0
      continue
    }
    if ((seen.flags & DESCRIPTOR_WRITE) === 0)
      readable.push(...memory.read(address, Math.min(seen.lengthBytes, 4096)))
    if ((seen.flags & DESCRIPTOR_NEXT) === 0) break
    index = seen.next
  }
  return { descriptors, problem, readable: Uint8Array.from(readable) }
}
