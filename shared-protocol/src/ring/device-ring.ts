// The device's half of a split virtqueue (virtio 1.4 2.7): takes chains from the available ring, gives them
// back through the used ring. The driver's memory is hostile until checked: every index, address and length is
// compared with the queue and the window, every walk is bounded by the queue's size.

import type { Allocator, ByteBuf, OwnedBytes } from "../bytes.js"
import { getU16, putU16 } from "../bytes.js"
import type { OutgoingArea } from "../mailbox/outgoing-area.js"
import { ChainMemory, GROUP_SHIFT } from "./chain-memory.js"
import {
  AVAIL_NO_INTERRUPT,
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_SIZE,
  DESCRIPTOR_WRITE,
  DEVICE_AREA,
  DRIVER_AREA,
  isEventDue,
  type RingFeatures,
} from "./layout.js"

/**
 * So many buffers of a chain are listed, each of which takes 16 bytes on the chip. Further buffers of a longer chain
 * take 4 bytes each. A queue of 256 may bring chains of 256, and the chip has no 8 kB for lists of them.
 */
export const LISTED_BUFFERS = 64
const UNLISTED_BYTES = 4
/** More buffers than usual chains have. */
const USUAL_BUFFERS = 8
/** `pop` found nothing available. */
export const RING_EMPTY = -1
/** `pop` found a ring that breaks the rules; `brokenReason` says how. Only a reset helps. */
export const RING_BROKEN = -2

const NO_RING_FEATURES: RingFeatures = { hasIndirect: false, hasEventIdx: false, hasInOrder: false }

export class DeviceRing {
  /** The driver-written area, as mirrored here. */
  driverArea: ByteBuf
  /** The device-written area. */
  deviceArea: OutgoingArea
  /** Descriptors; 0 while the queue is not configured. */
  size = 0
  /** Offsets of the three parts in their areas. */
  desc = 0
  avail = 0
  used = 0
  enabled = false
  /** Changes at every reset: whoever awaited something meanwhile must not touch the queue's memory again. */
  resetCount = 0
  features: RingFeatures = NO_RING_FEATURES
  /** What broke the rules. In few letters: nobody sees it on a chip, and each letter takes a byte of the program. */
  brokenReason = ""

  /** The chain that `pop` walked: how many buffers, and where. */
  count = 0
  /** How many of them are device-readable; these come first and lie in the driver-written area. */
  readable = 0
  /** Of the first LISTED_BUFFERS; `offsetAt` and `lengthAt` have those of all. */
  offsets: number[] = []
  lengths: number[] = []

  /** What is known of earlier chains. Undefined when every chain is walked. */
  readonly memory: ChainMemory | undefined

  /** Whether the chain that was walked last stayed within a group. */
  private isOneGroup = false
  /** The buffers that are not listed: offset le16, length le16. None before a driver brings so long a chain. */
  private unlisted: OwnedBytes | undefined
  private readonly alloc: Allocator

  /** Where in the available ring the next chain is, 0..0xffff. */
  lastAvail = 0
  /** The driver's index as last read. */
  private shadowAvail = 0
  private usedIdx = 0
  private notifiedIdx = 0
  private batchHead = 0
  private batchLength = 0

  /**
   * `areaNotes` tells what the driver wrote, as `Mailbox.incomingNotes`; without it every chain is walked. The queue has
   * at most `maxSize` descriptors.
   */
  constructor(
    driverArea: ByteBuf,
    deviceArea: OutgoingArea,
    alloc: Allocator,
    maxSize: number,
    areaNotes?: number[],
  ) {
    this.driverArea = driverArea
    this.deviceArea = deviceArea
    this.alloc = alloc
    // a field costs the chip 16 bytes, an array 40: a ring without notes gets none of them
    this.memory = areaNotes === undefined ? undefined : new ChainMemory(areaNotes, maxSize)
    // copied into fields: the chip searches the fields of an object before the methods of its class (docs/performance.md)
    if (areaNotes !== undefined) {
      const own = this
      own.pop = own.pop
      own.pushBatch = own.pushBatch
      own.publish = own.publish
      own.putElement = own.putElement
      own.walk = own.walk
    }
  }

  /** Puts the ring in the state of a queue that was never configured. */
  reset(): void {
    this.resetCount++
    this.size = 0
    this.desc = 0
    this.avail = 0
    this.used = 0
    this.enabled = false
    this.brokenReason = ""
    this.lastAvail = 0
    this.shadowAvail = 0
    this.usedIdx = 0
    this.notifiedIdx = 0
    this.unlisted = undefined
    // one driver's long chains made these lists grow: the next driver gets the heap back
    if (this.offsets.length > USUAL_BUFFERS) {
      this.offsets = []
      this.lengths = []
    }
    this.memory?.clear()
  }

  /** Starts the queue with both indexes at 0 and an empty used ring. */
  enable(features: RingFeatures): void {
    this.enabled = true
    this.features = features
    this.memory?.begin(this.desc, this.size)
    // the memory may hold a former queue's bytes
    this.deviceArea.put32(this.used, 0)
    if (features.hasEventIdx) this.deviceArea.put16(this.used + 4 + 8 * this.size, 0)
  }

  /** How many chains are available and not yet popped; more than `size` when the driver's index is nonsense. */
  pending(): number {
    const area = this.driverArea
    return ((area[this.avail + 2] | (area[this.avail + 3] << 8)) - this.lastAvail) & 0xffff
  }

  /** As `pending`, or RING_BROKEN when the driver's index is nonsense. */
  available(): number {
    const area = this.driverArea
    const avail = this.avail
    const rawAvail = area[avail + 2] | (area[avail + 3] << 8)
    const count = (rawAvail - this.lastAvail) & 0xffff
    if (count > this.size) return this.fail("avail.idx")
    this.shadowAvail = rawAvail
    return count
  }

  /**
   * Takes the next chain: returns the index of its head, or RING_EMPTY, or RING_BROKEN. Unless `memory.noted` says
   * what it is, the chain was walked, and `count`, `readable`, `offsets` and `lengths` describe it.
   */
  pop(): number {
    const last = this.lastAvail
    if (last === this.shadowAvail) {
      const count = this.available()
      if (count === 0) return RING_EMPTY
      if (count < 0) return RING_BROKEN
    }
    const area = this.driverArea
    const slot = this.avail + 4 + 2 * (last & (this.size - 1))
    const head = area[slot] | (area[slot + 1] << 8)
    const memory = this.memory
    if (memory === undefined) {
      if (!this.walk(head)) return RING_BROKEN
    } else {
      memory.recall(head)
      if (memory.noted === 0) {
        if (!this.walk(head)) return RING_BROKEN
        if (!this.isOneGroup) memory.giveUp()
      }
    }
    this.lastAvail = (last + 1) & 0xffff
    return head
  }

  /** Follows the chain from `head` and checks each of its descriptors; false when it breaks the rules. */
  private walk(head: number): boolean {
    const area = this.driverArea
    const size = this.size
    const offsets = this.offsets
    const lengths = this.lengths
    let table = this.desc
    let limit = size
    // a chain is no longer than its queue, and visits no descriptor twice (2.7.5.3)
    let longest = size
    let index = head
    let count = 0
    let readable = 0
    let isIndirect = false
    let isOneGroup = true
    while (true) {
      if (index >= limit) return this.refuse("outside the table")
      const at = table + DESCRIPTOR_SIZE * index
      const flags = area[at + 12] | (area[at + 13] << 8)
      const length =
        (area[at + 8] | (area[at + 9] << 8) | (area[at + 10] << 16) | (area[at + 11] << 24)) >>> 0
      const offset = area[at] | (area[at + 1] << 8)
      const which = area[at + 6] | (area[at + 7] << 8)
      // an address is area << 48 | offset: the bytes between the two must be 0
      if (area[at + 2] | area[at + 3] | area[at + 4] | area[at + 5]) return this.refuse("outside the window")
      if (flags & DESCRIPTOR_INDIRECT) {
        if (!this.features.hasIndirect) return this.refuse("indirect, not negotiated")
        // WRITE is ignored here, and descriptors of the queue's own table may come before (R5, R6)
        if (isIndirect || flags & DESCRIPTOR_NEXT) return this.refuse("indirect, not at the end")
        limit = length >> 4
        if (
          which !== DRIVER_AREA ||
          length === 0 ||
          length & 15 ||
          limit > size ||
          offset + length > area.length
        )
          return this.refuse("an indirect table")
        if (count + limit < longest) longest = count + limit
        isIndirect = true
        isOneGroup = false
        table = offset
        index = 0
        continue
      }
      if (count >= longest) return this.refuse("a long chain")
      if (flags & DESCRIPTOR_WRITE) {
        if (which !== DEVICE_AREA || length > this.deviceArea.bytes.length - offset)
          return this.refuse("a writable buffer")
      } else {
        if (count > readable) return this.refuse("readable behind writable")
        if (which !== DRIVER_AREA || length > area.length - offset) return this.refuse("a readable buffer")
        readable++
      }
      if (count >= LISTED_BUFFERS) this.keepUnlisted(count - LISTED_BUFFERS, offset, length)
      else if (count === offsets.length) {
        offsets.push(offset)
        lengths.push(length)
      } else {
        offsets[count] = offset
        lengths[count] = length
      }
      count++
      if ((flags & DESCRIPTOR_NEXT) === 0) break
      index = area[at + 14] | (area[at + 15] << 8)
      if (index >> GROUP_SHIFT !== head >> GROUP_SHIFT) isOneGroup = false
    }
    this.count = count
    this.readable = readable
    this.isOneGroup = isOneGroup
    return true
  }

  /** Where buffer `i` of the popped chain lies. */
  offsetAt(i: number): number {
    const bytes = this.unlisted
    if (i < LISTED_BUFFERS || bytes === undefined) return this.offsets[i]
    return getU16(bytes, (i - LISTED_BUFFERS) * UNLISTED_BYTES)
  }

  /** How long buffer `i` of the popped chain is. */
  lengthAt(i: number): number {
    const bytes = this.unlisted
    if (i < LISTED_BUFFERS || bytes === undefined) return this.lengths[i]
    return getU16(bytes, (i - LISTED_BUFFERS) * UNLISTED_BYTES + 2)
  }

  /** Both numbers were checked against an area, which is at most 32 KiB. */
  private keepUnlisted(i: number, offset: number, length: number): void {
    let bytes = this.unlisted
    if (bytes === undefined) {
      bytes = this.alloc((this.size - LISTED_BUFFERS) * UNLISTED_BYTES)
      this.unlisted = bytes
    }
    putU16(bytes, i * UNLISTED_BYTES, offset)
    putU16(bytes, i * UNLISTED_BYTES + 2, length)
  }

  /**
   * Gives a chain back, with `length` bytes written to its device-writable buffers. With VIRTIO_F_IN_ORDER only the
   * last chain before `publish` gets a used element, which stands for all of them.
   */
  push(head: number, length: number): void {
    if (this.features.hasInOrder) {
      this.batchHead = head
      this.batchLength = length
    } else this.putElement(this.usedIdx, head, length)
    this.usedIdx = (this.usedIdx + 1) & 0xffff
  }

  /** With VIRTIO_F_IN_ORDER: as `push` of `count` chains, of which the last is `head`. */
  pushBatch(count: number, head: number, length: number): void {
    this.batchHead = head
    this.batchLength = length
    this.usedIdx = (this.usedIdx + count) & 0xffff
  }

  /** Publishes the chains pushed since the last call and says whether the driver wants an EVENT_USED for them. */
  publish(): boolean {
    const before = this.notifiedIdx
    const usedIdx = this.usedIdx
    if (usedIdx === before) return false
    const features = this.features
    // the batch's element lies where its first chain's would (virtio 1.4 2.7.9)
    if (features.hasInOrder) this.putElement(before, this.batchHead, this.batchLength)
    this.deviceArea.putIndex(this.used + 2, usedIdx)
    this.notifiedIdx = usedIdx
    const area = this.driverArea
    if (features.hasEventIdx) {
      const usedEvent = this.avail + 4 + 2 * this.size
      this.deviceArea.put16(this.used + 4 + 8 * this.size, this.lastAvail)
      return isEventDue(area[usedEvent] | (area[usedEvent + 1] << 8), usedIdx, before)
    }
    return (area[this.avail] & AVAIL_NO_INTERRUPT) === 0
  }

  private putElement(index: number, head: number, length: number): void {
    const deviceArea = this.deviceArea
    const bytes = deviceArea.bytes
    const at = this.used + 4 + 8 * (index & (this.size - 1))
    const lengthAt = at + 4
    // these bytes held something else before the ring was here
    if (bytes[at + 2] | bytes[at + 3] | bytes[at + 6] | bytes[at + 7]) {
      bytes.fillAt(at, 8, 0)
      deviceArea.mark(at, 8)
    }
    // drivers with fixed slots make most elements the same as one lap ago: then nothing is sent
    const isSameLength = (bytes[lengthAt] | (bytes[at + 5] << 8)) === length
    if ((bytes[at] | (bytes[at + 1] << 8)) !== head) deviceArea.mark(at, isSameLength ? 2 : 6)
    else if (isSameLength) return
    else deviceArea.mark(lengthAt, 2)
    bytes[at] = head & 0xff
    bytes[at + 1] = head >> 8
    bytes[lengthAt] = length & 0xff
    bytes[at + 5] = length >> 8 // a chain fits the window, which is below 64 KiB
  }

  private fail(reason: string): number {
    this.brokenReason = reason
    return RING_BROKEN
  }

  private refuse(reason: string): boolean {
    this.brokenReason = reason
    return false
  }
}
