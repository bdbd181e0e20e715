// A descriptor chain as the device that the suite plays finds it, with everything that rows may ask about it (virtio
// 1.4 2.7.5 Descriptor Table, 2.7.6 Available Ring).

import { type ChainDescriptor, readChain } from "../../../../shared-protocol/src/ring/chain-reader.js"
import { DESCRIPTOR_NEXT, descBytes } from "../../../../shared-protocol/src/ring/layout.js"
import type { SharedFile } from "../../node/shared-file.js"

const MAX_QUEUE_SIZE = 32768
/** Of one buffer, bytes. */
const MOST_READ = 4096

/** The window, as the device side sees it. */
export interface WindowMemory {
  read(address: bigint, lengthBytes: number): Uint8Array
  write(address: bigint, bytes: Uint8Array): void
}

/** A window that is a file. An address is an offset in it; one that is none reads as 0 and takes no bytes. */
export function memoryOf(file: SharedFile): WindowMemory {
  const offsetOf = (address: bigint) =>
    address < BigInt(file.lengthBytes) ? Number(address) : file.lengthBytes
  return {
    read: (address, lengthBytes) => file.read(offsetOf(address), lengthBytes),
    write: (address, bytes) => file.write(offsetOf(address), bytes),
  }
}

export interface SeenDescriptor extends ChainDescriptor {
  readonly address: bigint
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
  /** How many frames had been exchanged by then, to tell what came before from what came after. */
  readonly at: number
  /** All device-readable bytes, one after another. */
  readonly readable: Uint8Array
}

/** Follows a chain and reads what the driver put there. Ends where the chain is impossible. */
export function followChain(
  memory: WindowMemory,
  queue: { readonly desc: bigint; readonly size: number },
  head: number,
): Pick<SeenChain, "descriptors" | "problem" | "readable"> {
  const descriptors: SeenDescriptor[] = []
  const readable: number[] = []
  const table = memory.read(queue.desc, descBytes(queue.size))
  const see = (descriptor: ChainDescriptor): bigint => {
    const address = BigInt(descriptor.low) | (BigInt(descriptor.high) << 32n)
    descriptors.push({ ...descriptor, address })
    return address
  }
  const problem = readChain(table, head, queue.size, {
    // an indirect table within another, and one with a next descriptor, end the chain: R24 looks for that
    table: (descriptor) => {
      const address = see(descriptor)
      if (descriptor.isIndirect || descriptor.flags & DESCRIPTOR_NEXT) return ""
      return memory.read(address, Math.min(descriptor.lengthBytes, descBytes(MAX_QUEUE_SIZE)))
    },
    buffer: (descriptor) => {
      const address = see(descriptor)
      const { isWritable, lengthBytes } = descriptor
      if (!isWritable) readable.push(...memory.read(address, Math.min(lengthBytes, MOST_READ)))
      return ""
    },
  })
  return { descriptors, problem, readable: Uint8Array.from(readable) }
}
