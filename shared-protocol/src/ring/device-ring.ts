// The device's half of a split virtqueue (virtio 1.4 2.7): takes chains from the available ring, gives them
// back through the used ring. The driver's memory is hostile until checked: every index, address and length is
// compared with the queue and the window, every walk is bounded by the queue's size.

import type { Allocator, ByteBuf, OwnedBytes } from "../bytes.js"
import { getU16, putU16 } from "../bytes.js"
import type { OutgoingArea } from "../mailbox/outgoing-area.js"
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
 * So many buffers of a chain are listed, at 16 bytes each on the chip. Those behind them, of a chain that is longer,
 * take 4 bytes each: a queue of 256 may bring chains of 256, and the chip has no 8 kB for lists of them.
 */
export const LISTED_BUFFERS = 64
const UNLISTED_BYTES = 4
/** More buffers than the drivers' usual chains have. */
const USUAL_BUFFERS = 8
/** `pop` found nothing available. */
export const RING_EMPTY = -1
/** `pop` found a ring that breaks the rules; `brokenReason` says how. Only a reset helps. */
export const RING_BROKEN = -2

/** Chains are remembered when they begin at a multiple of this and stay within as many descriptors. */
const GROUP_SIZE = 4
const GROUP_SHIFT = 2
/** A group of descriptors is a block of the mailbox's versions. */
const GROUP_BYTES_SHIFT = 6
/** No version that a mailbox gives. */
const NOT_REMEMBERED = -1

/** What a ring has that remembers nothing; nothing is ever put into it. */
const NONE: number[] = []

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
  generation = 0
  features: RingFeatures = NO_RING_FEATURES
  brokenReason = ""

  /**
   * What `note` said of the chain that `pop` returned, when it was popped before and has not changed since: two
   * numbers, of which the first is 0 when nothing is known. Only then the chain was walked, and what follows is of it.
   */
  noted = 0
  notedMore = 0
  /** The chain that `pop` walked: how many buffers, and where. */
  count = 0
  /** How many of them are device-readable; these come first and lie in the driver-written area. */
  readable = 0
  /** Of the first LISTED_BUFFERS; `offsetAt` and `lengthAt` know all. */
  offsets: number[] = []
  lengths: number[] = []

  /**
   * Walking a chain is most of what a request costs the chip, and drivers use the same chains again and again. So
   * what the device made of a walked chain is remembered as long as the mailbox has stored nothing over its
   * descriptors. Here by group, the first four descriptors being group 0: three numbers of 8 bytes, whatever the
   * chain, so that a board with little memory can have them for all of its queue.
   */
  private readonly versions: readonly number[] | undefined
  private readonly chainVersions: number[]
  private readonly chainNotes: number[]
  private readonly chainNotesMore: number[]
  /** The group of the chain that `pop` walked, and its version then; -1 when it cannot be remembered. */
  private group = -1
  private groupVersion = NOT_REMEMBERED

  /** `versions` while the descriptor table lies so that its groups are blocks of the mailbox's; else undefined. */
  private groupVersions: readonly number[] | undefined
  /** Whether the chain that was walked last stayed within a group. */
  private isOneGroup = false
  /** The buffers that are not listed: offset le16, length le16. None before a driver brings so long a chain. */
  private unlisted: OwnedBytes | undefined
  private readonly alloc: Allocator

  private lastAvail = 0
  /** The driver's index as last read. */
  private shadowAvail = 0
  private usedIdx = 0
  private notifiedIdx = 0
  private batchHead = 0
  private batchLength = 0

  /** `versions` tells what the driver wrote, as `Mailbox.incomingVersions`; without it every chain is walked. */
  constructor(driverArea: ByteBuf, deviceArea: OutgoingArea, alloc: Allocator, versions?: readonly number[]) {
    this.driverArea = driverArea
    this.deviceArea = deviceArea
    this.alloc = alloc
    this.versions = versions
    // an array costs the chip 40 bytes even when there is nothing in it
    this.chainVersions = versions === undefined ? NONE : []
    this.chainNotes = versions === undefined ? NONE : []
    this.chainNotesMore = versions === undefined ? NONE : []
    // fields of their own: the chip would look for these methods among the names of all fields first (docs/performance.md)
    if (versions !== undefined) {
      const own = this
      own.pop = own.pop
      own.push = own.push
      own.pushPair = own.pushPair
      own.publish = own.publish
      own.walk = own.walk
    }
  }

  /** Puts the ring in the state of a queue that was never configured. */
  reset(): void {
    this.generation++
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
    // what a driver with long chains made grow is not kept from the next one's heap
    if (this.offsets.length > USUAL_BUFFERS) {
      this.offsets = []
      this.lengths = []
    }
    for (let i = 0; i < this.chainVersions.length; i++) this.chainVersions[i] = NOT_REMEMBERED
  }

  /** Starts the queue with both indexes at 0 and an empty used ring. */
  enable(features: RingFeatures): void {
    this.enabled = true
    this.features = features
    const isGrouped = (this.desc & ((1 << GROUP_BYTES_SHIFT) - 1)) === 0
    this.groupVersions = isGrouped ? this.versions : undefined
    // the memory may hold a former queue's bytes
    this.deviceArea.put32(this.used, 0)
    if (features.hasEventIdx) this.deviceArea.put16(this.used + 4 + 8 * this.size, 0)
  }

  /** How many chains are available and not yet popped; more than `size` when the driver's index is nonsense. */
  pending(): number {
    const area = this.driverArea
    return ((area[this.avail + 2] | (area[this.avail + 3] << 8)) - this.lastAvail) & 0xffff
  }

  /**
   * Takes the next chain: returns the index of its head and sets `noted` and `notedMore`, or, when there is nothing
   * noted, `count`, `readable`, `offsets` and `lengths`; or returns RING_EMPTY; or RING_BROKEN. The chip's hot path:
   * flat, no allocation after the first chains.
   */
  pop(): number {
    const area = this.driverArea
    const size = this.size
    const avail = this.avail
    const last = this.lastAvail
    if (last === this.shadowAvail) {
      const rawAvail = area[avail + 2] | (area[avail + 3] << 8)
      if (rawAvail === last) return RING_EMPTY
      const available = (rawAvail - last) & 0xffff
      if (available > size) return this.fail(`avail.idx is ${available} ahead of a queue of ${size}`)
      this.shadowAvail = rawAvail
    }
    const slot = avail + 4 + 2 * (last & (size - 1))
    const head = area[slot] | (area[slot + 1] << 8)
    const group = head >> GROUP_SHIFT
    const versions = this.groupVersions
    let version = NOT_REMEMBERED
    if (versions !== undefined)
      if ((head & (GROUP_SIZE - 1)) === 0) {
        // `| 0`: a head outside the table may have no version, and must not equal the undefined of an unknown group
        version = versions[(this.desc >> GROUP_BYTES_SHIFT) + group] | 0
        if (this.chainVersions[group] === version) {
          this.noted = this.chainNotes[group]
          this.notedMore = this.chainNotesMore[group]
          this.lastAvail = (last + 1) & 0xffff
          return head
        }
      }
    if (!this.walk(head)) return RING_BROKEN
    this.noted = 0
    this.group = version !== NOT_REMEMBERED && this.isOneGroup ? group : -1
    this.groupVersion = version
    this.lastAvail = (last + 1) & 0xffff
    return head
  }

  /**
   * Notes what is known of the chain that was just popped and walked, for when it comes again: what its descriptors
   * alone say, never what lies in its buffers. `known` is not 0.
   */
  note(known: number, more: number): void {
    const group = this.group
    if (group < 0) return
    while (this.chainVersions.length <= group) {
      this.chainVersions.push(NOT_REMEMBERED)
      this.chainNotes.push(0)
      this.chainNotesMore.push(0)
    }
    this.chainVersions[group] = this.groupVersion
    this.chainNotes[group] = known
    this.chainNotesMore[group] = more
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
      if (index >= limit) return this.refuse(`descriptor ${index} is outside a table of ${limit}`)
      const at = table + DESCRIPTOR_SIZE * index
      const flags = area[at + 12] | (area[at + 13] << 8)
      const length =
        (area[at + 8] | (area[at + 9] << 8) | (area[at + 10] << 16) | (area[at + 11] << 24)) >>> 0
      const offset = area[at] | (area[at + 1] << 8)
      const which = area[at + 6] | (area[at + 7] << 8)
      // addresses are area << 48 | offset: what lies between must be 0
      if (area[at + 2] | area[at + 3] | area[at + 4] | area[at + 5])
        return this.refuse(`descriptor ${index} has an address outside the window`)
      if (flags & DESCRIPTOR_INDIRECT) {
        if (!this.features.hasIndirect) return this.refuse("an indirect descriptor, which was not negotiated")
        // WRITE is ignored here, and descriptors of the queue's own table may come before (R5, R6)
        if (isIndirect || flags & DESCRIPTOR_NEXT)
          return this.refuse("an indirect descriptor that does not end its chain")
        limit = length >> 4
        if (
          which !== DRIVER_AREA ||
          length === 0 ||
          length & 15 ||
          limit > size ||
          offset + length > area.length
        )
          return this.refuse(`an indirect table of ${length} bytes at ${offset}`)
        if (count + limit < longest) longest = count + limit
        isIndirect = true
        isOneGroup = false
        table = offset
        index = 0
        continue
      }
      if (count >= longest) return this.refuse(`a chain of more than ${longest} descriptors`)
      if (flags & DESCRIPTOR_WRITE) {
        if (which !== DEVICE_AREA || length > this.deviceArea.bytes.length - offset)
          return this.refuse(`a device-writable buffer of ${length} bytes at ${offset} of area ${which}`)
      } else {
        if (count > readable) return this.refuse("a device-readable descriptor behind a writable one")
        if (which !== DRIVER_AREA || length > area.length - offset)
          return this.refuse(`a device-readable buffer of ${length} bytes at ${offset} of area ${which}`)
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
   * Gives a chain back: `length` bytes were written to its device-writable buffers. With VIRTIO_F_IN_ORDER only
   * the last chain before `publish` gets a used element, which stands for all of them.
   */
  push(head: number, length: number): void {
    if (this.features.hasInOrder) {
      this.batchHead = head
      this.batchLength = length
    } else this.putElement(this.usedIdx, head, length)
    this.usedIdx = (this.usedIdx + 1) & 0xffff
  }

  /** Gives two chains back that were served as one: as `push` of the one, then of the other. */
  pushPair(head: number, secondHead: number, length: number, secondLength: number): void {
    if (this.features.hasInOrder) {
      this.batchHead = secondHead
      this.batchLength = secondLength
      this.usedIdx = (this.usedIdx + 2) & 0xffff
      return
    }
    this.push(head, length)
    this.push(secondHead, secondLength)
  }

  /** Publishes the chains pushed since the last call and says whether the driver wants an EVENT_USED for them. */
  publish(): boolean {
    const before = this.notifiedIdx
    if (this.usedIdx === before) return false
    // the batch's element lies where its first chain's would (virtio 1.4 2.7.9)
    if (this.features.hasInOrder) this.putElement(before, this.batchHead, this.batchLength)
    this.deviceArea.putIndex(this.used + 2, this.usedIdx)
    this.notifiedIdx = this.usedIdx
    const area = this.driverArea
    if (this.features.hasEventIdx) {
      const usedEvent = this.avail + 4 + 2 * this.size
      this.deviceArea.put16(this.used + 4 + 8 * this.size, this.lastAvail)
      return isEventDue(area[usedEvent] | (area[usedEvent + 1] << 8), this.usedIdx, before)
    }
    return (area[this.avail] & AVAIL_NO_INTERRUPT) === 0
  }

  private putElement(index: number, head: number, length: number): void {
    const bytes = this.deviceArea.bytes
    const at = this.used + 4 + 8 * (index & (this.size - 1))
    const rest = bytes[at + 2] | bytes[at + 3] | bytes[at + 6] | bytes[at + 7]
    const isSameLength = (bytes[at + 4] | (bytes[at + 5] << 8)) === length
    const isSameHead = (bytes[at] | (bytes[at + 1] << 8)) === head
    if (rest !== 0) {
      // what lay here was no used ring
      bytes.fillAt(at, 8, 0)
      this.deviceArea.mark(at, 8)
    } else if (isSameHead) {
      // fixed slots make most elements the same as one lap ago: then nothing travels
      if (isSameLength) return
      this.deviceArea.mark(at + 4, 2)
    } else this.deviceArea.mark(at, isSameLength ? 2 : 6)
    bytes[at] = head & 0xff
    bytes[at + 1] = head >> 8
    bytes[at + 4] = length & 0xff
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
