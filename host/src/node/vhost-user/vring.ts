// The device's side of a split virtqueue in a guest's memory (virtio 1.4 2.7). The guest is hostile until checked.
// Each value is read once and compared with the queue's size and the memory table. Every walk is bounded. If the rules
// are broken, the ring is broken, with a reason. Nothing throws.

import { type ChainDescriptor, readChain } from "../../../../shared-protocol/src/ring/chain-reader.js"
import {
  AVAIL_ALIGNMENT,
  AVAIL_NO_INTERRUPT,
  availBytes,
  DESC_ALIGNMENT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_SIZE,
  descBytes,
  isEventDue,
  isQueueSize,
  USED_ALIGNMENT,
  usedBytes,
} from "../../../../shared-protocol/src/ring/layout.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import type { GuestMemory } from "./guest-memory.js"
import { MAX_VRING_SIZE } from "./messages.js"

/** A range of guest physical memory. */
interface GuestRange {
  readonly address: number
  readonly length: number
}

/** A chain of descriptors that the driver made available, its device-readable part copied. */
export interface PoppedChain {
  /** The index of the first descriptor, which names the chain in the used ring. */
  readonly head: number
  /** The device-readable bytes. If there are more than the limit, only the first ones. */
  readonly readable: Uint8Array
  /** How many device-readable bytes the chain has. */
  readonly readableLength: number
  /** How many bytes the device may write. */
  readonly writableLength: number
  /** @internal Where these bytes go, as ranges of guest memory. */
  readonly writable: readonly GuestRange[]
}

export interface VringLayout {
  /** Descriptors: a power of two, 1024 at most. */
  readonly size: number
  /** Addresses in the front end's process. */
  readonly descriptors: number
  readonly available: number
  readonly used: number
}

/** The ring's memory, while it runs. */
interface Areas {
  readonly descriptors: Uint8Array
  readonly available: Uint16Array
  readonly used: Uint16Array
  readonly usedElements: DataView
}

const SHORTER = "the file of the guest's memory became shorter"

export class Vring {
  /** Why the ring cannot go on. Empty while it can. */
  brokenReason = ""

  readonly #maxReadableLength: number
  #memory: GuestMemory | undefined
  #areas: Areas | undefined
  #size = 0
  #hasEventIdx = false
  /** Free-running index of the next chain to pop. */
  #shadowAvailable = 0
  /** Free-running index of the next used element. */
  #shadowUsed = 0
  /** The value of `#shadowUsed` when the driver was last notified. Undefined when that is not known. */
  #publishedUsed: number | undefined
  #work = 0

  /** @param maxReadableLength Bytes of a chain that are copied at most. */
  constructor(maxReadableLength: number) {
    this.#maxReadableLength = maxReadableLength
  }

  get isRunning(): boolean {
    return this.#areas !== undefined
  }

  /** Descriptors. */
  get size(): number {
    return this.#size
  }

  /** Counts the cost of the chains so far: one for each descriptor, and one for each 64 bytes that were copied. */
  get work(): number {
    return this.#work
  }

  /** The free-running index of the next chain to pop. */
  get nextAvailable(): number {
    return this.#shadowAvailable
  }

  /**
   * Starts the ring, `base` being the index of the next chain to pop. Returns what is wrong with the layout,
   * or an empty string. QEMU may have negotiated VIRTIO_F_INDIRECT_DESC without being offered it, so that is
   * always understood; VIRTIO_F_EVENT_IDX rules the interrupts, while the index for the driver's
   * notifications is written in any case: its place in the used ring is there in any case.
   */
  start(memory: GuestMemory, layout: VringLayout, base: number, hasEventIdx: boolean): string {
    this.stop()
    this.brokenReason = ""
    const reason = memory.isIntact() ? this.#attach(memory, layout) : SHORTER
    if (reason) return reason
    this.#hasEventIdx = hasEventIdx
    this.#shadowAvailable = base & 0xffff
    this.#shadowUsed = this.#areas?.used[1] ?? 0
    this.#publishedUsed = undefined
    return ""
  }

  /** Finds the same ring in a new memory table. Returns what is wrong, or an empty string. */
  move(memory: GuestMemory, layout: VringLayout): string {
    return this.#attach(memory, layout)
  }

  /** Lets go of the guest's memory. Indexes stay, for `nextAvailable`. */
  stop(): void {
    this.#areas = undefined
    this.#memory = undefined
  }

  /** Takes the next chain; undefined when there is none, or the ring is broken or stopped. */
  pop(): PoppedChain | undefined {
    const areas = this.#areas
    if (!areas || this.brokenReason) return undefined
    if (!this.#memory?.isIntact()) return this.#break(SHORTER)
    const waiting = (Atomics.load(areas.available, 1) - this.#shadowAvailable) & 0xffff
    if (waiting === 0) return undefined
    if (waiting > this.#size)
      return this.#break(`its index is ${waiting} ahead in a queue of ${counted(this.#size, "descriptor")}`)
    const head = areas.available[2 + (this.#shadowAvailable & (this.#size - 1))] ?? 0
    const chain = this.#walk(areas, head)
    if (chain) this.#shadowAvailable = (this.#shadowAvailable + 1) & 0xffff
    return chain
  }

  /**
   * Gives a chain back with `data` written from byte `at` of its device-writable part on. What does not fit is cut
   * off. The driver sees it after `publish`. Does nothing when the ring is broken or stopped, or when the memory has
   * gone.
   */
  push(chain: PoppedChain, data: Uint8Array, at: number): void {
    const areas = this.#areas
    if (!areas || this.brokenReason) return
    if (!this.#memory?.isIntact()) {
      this.#break(SHORTER)
      return
    }
    const written = this.#write(chain, data, at)
    if (written === undefined) {
      this.#break("a buffer went out of the guest's memory while the device had it")
      return
    }
    const element = 4 + 8 * (this.#shadowUsed & (this.#size - 1))
    areas.usedElements.setUint32(element, chain.head, true)
    areas.usedElements.setUint32(element + 4, written, true)
    this.#shadowUsed = (this.#shadowUsed + 1) & 0xffff
  }

  /** Shows the driver all chains pushed so far, and says whether it wants an interrupt for them. */
  publish(): boolean {
    const areas = this.#areas
    if (!areas || this.#shadowUsed === this.#publishedUsed || !this.#memory?.isIntact()) return false
    const before = this.#publishedUsed
    this.#publishedUsed = this.#shadowUsed
    // sequentially consistent: the elements before the index, the index before the driver's wish is read
    Atomics.store(areas.used, 1, this.#shadowUsed)
    if (!this.#hasEventIdx) return (Atomics.load(areas.available, 0) & AVAIL_NO_INTERRUPT) === 0
    const usedEvent = Atomics.load(areas.available, 2 + this.#size)
    return before === undefined || isEventDue(usedEvent, this.#shadowUsed, before)
  }

  /** Asks for a notification of the next chain. True when there is one already, which will not be notified. */
  rearm(): boolean {
    const areas = this.#areas
    if (!areas || this.brokenReason || !this.#memory?.isIntact()) return false
    Atomics.store(areas.used, 2 + 4 * this.#size, this.#shadowAvailable)
    return Atomics.load(areas.available, 1) !== this.#shadowAvailable
  }

  #attach(memory: GuestMemory, layout: VringLayout): string {
    const { size } = layout
    if (!isQueueSize(size) || size > MAX_VRING_SIZE) return `a queue of ${counted(size, "descriptor")}`
    const descriptors = memory.atUserAddress(layout.descriptors, descBytes(size))
    const available = memory.atUserAddress(layout.available, availBytes(size))
    const used = memory.atUserAddress(layout.used, usedBytes(size))
    if (!descriptors || !available || !used) return "a queue outside the guest's memory"
    if (
      descriptors.byteOffset % DESC_ALIGNMENT ||
      available.byteOffset % AVAIL_ALIGNMENT ||
      used.byteOffset % USED_ALIGNMENT
    )
      return "a queue at a misaligned address"
    this.#memory = memory
    this.#size = size
    this.#areas = {
      descriptors,
      available: new Uint16Array(available.buffer, available.byteOffset, available.length / 2),
      used: new Uint16Array(used.buffer, used.byteOffset, used.length / 2),
      usedElements: new DataView(used.buffer, used.byteOffset, used.length),
    }
    return ""
  }

  /** Follows a chain from its head, and copies what the device may read. */
  #walk(areas: Areas, head: number): PoppedChain | undefined {
    const readable: GuestRange[] = []
    const writable: GuestRange[] = []
    const fault = readChain(areas.descriptors, head, MAX_VRING_SIZE, {
      // WRITE is ignored here, and descriptors of the queue's own table may come before (R5, R6)
      table: (descriptor) => this.#copyIndirectTable(descriptor),
      buffer: ({ low, high, lengthBytes: length, isWritable }) => {
        this.#work++
        const address = low + high * 0x1_0000_0000
        if (!this.#memory?.isMapped(address, length))
          return `a buffer of ${counted(length, "byte")} at ${hex(address)}, outside the guest's memory`
        if (!isWritable && writable.length > 0) return "a device-readable buffer behind a device-writable one"
        const ranges = isWritable ? writable : readable
        ranges.push({ address, length })
        return ""
      },
    })
    if (fault) return this.#break(fault)
    const readableLength = lengthOf(readable)
    const copy = this.#copyIn(readable, Math.min(readableLength, this.#maxReadableLength))
    return copy && { head, readable: copy, readableLength, writableLength: lengthOf(writable), writable }
  }

  #copyIndirectTable({ low, high, lengthBytes, flags, isIndirect }: ChainDescriptor): Uint8Array | string {
    if (isIndirect || flags & DESCRIPTOR_NEXT) return "an indirect descriptor that does not end its chain"
    if (lengthBytes === 0 || lengthBytes % DESCRIPTOR_SIZE || lengthBytes > descBytes(MAX_VRING_SIZE))
      return `an indirect table of ${counted(lengthBytes, "byte")}`
    this.#work += 1 + (lengthBytes >> 6)
    const address = low + high * 0x1_0000_0000
    const table = new Uint8Array(lengthBytes)
    if (this.#memory?.copyIn(address, table)) return table
    return `an indirect table at ${hex(address)}, outside the guest's memory`
  }

  #copyIn(ranges: readonly GuestRange[], total: number): Uint8Array | undefined {
    const copy = new Uint8Array(total)
    this.#work += total >> 6
    let filled = 0
    for (const { address, length } of ranges) {
      const count = Math.min(length, total - filled)
      if (!this.#memory?.copyIn(address, copy.subarray(filled, filled + count)))
        return this.#break("a buffer outside the guest's memory")
      filled += count
    }
    return copy
  }

  /** Scatters `data` over a chain's writable ranges; returns how much fitted, undefined when memory is gone. */
  #write(chain: PoppedChain, data: Uint8Array, at: number): number | undefined {
    let skip = at
    let taken = 0
    for (const { address, length } of chain.writable) {
      if (taken === data.length) break
      if (skip >= length) {
        skip -= length
        continue
      }
      const count = Math.min(length - skip, data.length - taken)
      if (!this.#memory?.copyOut(address + skip, data.subarray(taken, taken + count))) return undefined
      skip = 0
      taken += count
    }
    return taken
  }

  #break(reason: string): undefined {
    this.brokenReason = reason
    return undefined
  }
}

function lengthOf(ranges: readonly GuestRange[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0)
}
