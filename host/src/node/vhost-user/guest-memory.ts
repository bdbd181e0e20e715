// The guest's memory, as the vhost-user front end shares it. A region has an address in the guest's physical memory,
// which descriptors use, and one in the front end's own process, which is used to say where rings are (vhost-user
// "Memory region description"). Every address and length from outside is checked here.
//
// An address is a number. Beyond 2^53 it is inexact, and no region is there; nothing wraps.

import { counted } from "../../counted.js"
import { protocolBroken } from "../../errors.js"
import { fileSize, type Libc } from "./libc.js"
import type { RegionDescription } from "./messages.js"

/** Node 20 has no longer views. A guest only needs more if it has memory above 4 GiB. */
const MAX_REGION_LENGTH = 0xffff_0000
const PAGE_SIZE = 4096

export interface MemoryRegion {
  readonly guestAddress: number
  /** The address in the front end's process. */
  readonly userAddress: number
  /** The region itself, as long as it is. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /**
   * Whether the file still holds all of it. Touching what is behind a file's end ends the process. Absent: it always
   * does.
   */
  isIntact?(): boolean
  /** Gives the mapping back; `bytes` must not be touched afterwards. */
  release?(): void
}

export class GuestMemory {
  #regions: readonly MemoryRegion[]

  constructor(regions: readonly MemoryRegion[] = []) {
    this.#regions = regions
  }

  /** Unmaps everything. Later reads and writes find nothing mapped. */
  close(): void {
    const regions = this.#regions
    this.#regions = []
    for (const region of regions) region.release?.()
  }

  /**
   * Whether every byte of it may still be touched. Ask whenever the front end has had time to make a file shorter.
   * Between the question and the access it still can, unless the file is sealed.
   */
  isIntact(): boolean {
    for (const region of this.#regions) if (region.isIntact && !region.isIntact()) return false
    return true
  }

  /** Whether all of the `length` bytes at the guest physical address are mapped. */
  isMapped(guestAddress: number, length: number): boolean {
    return this.#walk(guestAddress, length, ignorePiece)
  }

  /** Copies from the guest into `target`; false, with `target` in any state, when not all of it is mapped. */
  copyIn(guestAddress: number, target: Uint8Array): boolean {
    let filled = 0
    return this.#walk(guestAddress, target.length, (bytes) => {
      target.set(bytes, filled)
      filled += bytes.length
    })
  }

  /** Copies `source` into the guest. False, with nothing written, when not all of the target is mapped. */
  copyOut(guestAddress: number, source: Uint8Array): boolean {
    if (!this.isMapped(guestAddress, source.length)) return false
    let taken = 0
    return this.#walk(guestAddress, source.length, (bytes) => {
      bytes.set(source.subarray(taken, taken + bytes.length))
      taken += bytes.length
    })
  }

  /**
   * The bytes at an address of the front end's process, for a ring. Undefined when they are not all in one region.
   * They must not be kept beyond `close`.
   */
  atUserAddress(userAddress: number, length: number): Uint8Array<ArrayBuffer> | undefined {
    for (const { userAddress: start, bytes } of this.#regions)
      if (userAddress >= start && length <= bytes.length - (userAddress - start))
        return bytes.subarray(userAddress - start, userAddress - start + length)
    return undefined
  }

  /** Visits the pieces of a range, which may span regions that touch; false when some of it is not mapped. */
  #walk(guestAddress: number, length: number, visit: (bytes: Uint8Array) => void): boolean {
    let address = guestAddress
    let left = length
    while (left > 0) {
      const region = this.#regionAt(address)
      if (!region) return false
      const offset = address - region.guestAddress
      const count = Math.min(left, region.bytes.length - offset)
      if (!Number.isSafeInteger(address + count)) return false // no progress
      visit(region.bytes.subarray(offset, offset + count))
      address += count
      left -= count
    }
    return true
  }

  #regionAt(guestAddress: number): MemoryRegion | undefined {
    for (const region of this.#regions)
      if (guestAddress >= region.guestAddress && guestAddress - region.guestAddress < region.bytes.length)
        return region
    return undefined
  }
}

function ignorePiece(): void {}

/**
 * Maps the regions that a front end announced, each from the descriptor of the same index. The caller keeps the
 * descriptors. Throws PROTOCOL when a region is not as described, and SystemError when it cannot be mapped. Then
 * nothing stays mapped.
 */
export function mapGuestMemory(
  libc: Libc,
  descriptions: readonly RegionDescription[],
  descriptors: readonly number[],
): GuestMemory {
  const regions: MemoryRegion[] = []
  try {
    descriptions.forEach((description, at) => {
      regions.push(mapRegion(libc, description, descriptors[at] ?? -1))
    })
    return new GuestMemory(regions)
  } catch (error) {
    for (const region of regions) region.release?.()
    throw error
  }
}

function mapRegion(libc: Libc, description: RegionDescription, descriptor: number): MemoryRegion {
  const { guestAddress, userAddress, length, fileOffset } = description
  if (length > MAX_REGION_LENGTH)
    throw protocolBroken(`A region of guest memory has ${counted(length, "byte")}, and at most 4 GiB work.`, {
      hint: "Give the guest less memory (QEMU's -m).",
    })
  if (!Number.isSafeInteger(guestAddress + length) || !Number.isSafeInteger(userAddress + length))
    throw protocolBroken("A region of guest memory lies beyond 2^53, where no memory is.")
  const available = fileSize(descriptor)
  if (available === undefined)
    throw protocolBroken("A region of guest memory came without a file that can be mapped.", {
      hint: "QEMU needs -object memory-backend-memfd,share=on for the guest's memory.",
    })
  // touching a page behind the end of the file would end this process with SIGBUS
  if (length === 0 || fileOffset + length > available)
    throw protocolBroken(
      `A region of guest memory has ${counted(length, "byte")} at ${fileOffset}, but its file has ${available}.`,
    )
  const lead = fileOffset % PAGE_SIZE
  const isSealed = libc.sealAgainstShrinking(descriptor)
  const mapping = libc.map(descriptor, fileOffset - lead, length + lead)
  const region = { guestAddress, userAddress, bytes: mapping.bytes.subarray(lead) }
  if (isSealed) return { ...region, release: mapping.unmap }
  const held = libc.duplicate(descriptor)
  return {
    ...region,
    isIntact: () => (fileSize(held) ?? 0) >= fileOffset + length,
    release() {
      mapping.unmap()
      libc.close(held)
    },
  }
}
