// The driver's half of a split virtqueue (virtio 1.4 2.7): makes chains available, takes them back from the
// used ring. The device's memory is hostile until checked: what the driver knows about its own chains lives in
// shadows that the device cannot reach, and every used element is compared with them.

import type { ByteBuf } from "../bytes.js"
import type { OutgoingArea } from "../mailbox/outgoing-area.js"
import {
  AREA_BASES,
  type BaseAddress,
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_SIZE,
  DESCRIPTOR_WRITE,
  isEventDue,
  type RingFeatures,
  USED_NO_NOTIFY,
  type WindowBases,
} from "./layout.js"

/** `take` found no used element. */
export const NOTHING_USED = -1
/** `take` found one that cannot be; `brokenReason` says why. Only a reset helps. */
export const USED_BROKEN = -2

/** `readElement` found one that is sound. */
const ELEMENT_READ = 0

export interface DriverRingPlace {
  /** Descriptors, a power of two. */
  readonly size: number
  /** Offsets in the driver-written area. */
  readonly desc: number
  readonly avail: number
  /** Offset in the device-written area. */
  readonly used: number
  /** Where the areas begin; those of the serial mailbox bus when absent. */
  readonly bases?: WindowBases
}

/**
 * The driver's half of a split virtqueue (virtio 1.4 2.7).
 *
 * @example
 * ```ts
 * import { allocateBytes } from "virtio-msg"
 * import { DriverRing, OutgoingArea } from "virtio-msg/protocol"
 *
 * const area = new OutgoingArea(allocateBytes(1024))
 * const features = { hasIndirect: false, hasEventIdx: false, hasInOrder: false }
 * const ring = new DriverRing({ size: 4, desc: 0, avail: 64, used: 0 }, area, allocateBytes(1024), features)
 * ring.describe(0, 512, 8, true, -1) // a buffer of 8 bytes for the device to write
 * ring.offer(0, 8)
 * console.log(ring.publish()) // true
 * ```
 */
export class DriverRing {
  readonly size: number
  readonly features: RingFeatures
  brokenReason = ""
  /** Bytes that the device says it wrote, of the chain that `take` returned. */
  usedLength = 0

  private readonly place: DriverRingPlace
  private readonly bases: WindowBases
  private readonly driverArea: OutgoingArea
  private readonly deviceArea: ByteBuf
  /** A head's device-writable bytes while the device holds its chain, else -1: the device cannot touch this. */
  private readonly shadowWritable: number[] = []
  private shadowInFlight = 0
  /** Heads offered since the last `publish`. */
  private offered: number[] = []
  /** With VIRTIO_F_IN_ORDER: the heads that the device holds, in the order in which they must come back. */
  private shadowOrder: number[] = []
  /** How many more chains the used element that was read last stands for. */
  private batchLeft = 0
  private batchLength = 0
  private elementHead = 0
  private availIdx = 0
  private usedIdx = 0

  constructor(place: DriverRingPlace, driverArea: OutgoingArea, deviceArea: ByteBuf, features: RingFeatures) {
    this.place = place
    this.bases = place.bases === undefined ? AREA_BASES : place.bases
    this.size = place.size
    this.driverArea = driverArea
    this.deviceArea = deviceArea
    this.features = features
    for (let i = 0; i < place.size; i++) this.shadowWritable.push(-1)
    driverArea.put32(place.avail, 0)
    if (features.hasEventIdx) driverArea.put16(place.avail + 4 + 2 * place.size, 0)
  }

  /** Writes descriptor `index`: a buffer in the area that its direction asks for. `next` < 0 ends the chain. */
  describe(index: number, offset: number, length: number, isWritable: boolean, next: number): void {
    this.describeAt(this.place.desc + DESCRIPTOR_SIZE * index, offset, length, isWritable, next)
  }

  /** Writes entry `index` of an indirect table at `table` of the driver-written area. */
  describeIndirect(
    table: number,
    index: number,
    offset: number,
    length: number,
    isWritable: boolean,
    next: number,
  ): void {
    this.describeAt(table + DESCRIPTOR_SIZE * index, offset, length, isWritable, next)
  }

  /** Makes descriptor `index` stand for the `count` entries of the indirect table at `table`. */
  describeTable(index: number, table: number, count: number): void {
    const at = this.place.desc + DESCRIPTOR_SIZE * index
    this.putAddress(at, table, this.bases.driver)
    this.driverArea.put32(at + 8, DESCRIPTOR_SIZE * count)
    this.driverArea.put16(at + 12, DESCRIPTOR_INDIRECT)
    this.driverArea.put16(at + 14, 0)
  }

  /**
   * Puts the chain that begins at `head` into the available ring; the device sees it after `publish`.
   * `writable` is the number of bytes that the device may write to it.
   */
  offer(head: number, writable: number): void {
    if (this.shadowWritable[head] >= 0) throw new Error(`descriptor ${head} is already with the device`)
    this.shadowWritable[head] = writable
    this.shadowInFlight++
    if (this.features.hasInOrder) this.shadowOrder.push(head)
    this.offered.push(head)
  }

  /** Publishes the offered chains and says whether the device wants an EVENT_AVAIL for them (D31). */
  publish(): boolean {
    if (this.offered.length === 0) return false
    const before = this.availIdx
    // written together, the entries are neighbours and travel in one span
    for (let i = 0; i < this.offered.length; i++) {
      this.driverArea.put16(this.place.avail + 4 + 2 * (this.availIdx & (this.size - 1)), this.offered[i])
      this.availIdx = (this.availIdx + 1) & 0xffff
    }
    this.offered = []
    this.driverArea.putIndex(this.place.avail + 2, this.availIdx)
    const used = this.place.used
    if (this.features.hasEventIdx) {
      const at = used + 4 + 8 * this.size
      return isEventDue(this.deviceArea[at] | (this.deviceArea[at + 1] << 8), this.availIdx, before)
    }
    return (this.deviceArea[used] & USED_NO_NOTIFY) === 0
  }

  /**
   * Takes the next chain that the device gave back: returns its head and sets `usedLength`; or NOTHING_USED;
   * or USED_BROKEN when the index or the element contradicts what the driver knows.
   */
  take(): number {
    if (this.brokenReason !== "") return USED_BROKEN
    if (this.batchLeft === 0) {
      const result = this.readElement()
      if (result !== ELEMENT_READ) return result
    }
    this.batchLeft--
    // an element that stands for a batch tells the length of the last chain; the others were filled (2.7.9)
    const head = this.features.hasInOrder ? this.shadowOrder[0] : this.elementHead
    if (this.features.hasInOrder) this.shadowOrder.shift()
    this.usedLength = this.batchLeft === 0 ? this.batchLength : this.shadowWritable[head]
    this.shadowWritable[head] = -1
    this.shadowInFlight--
    this.usedIdx = (this.usedIdx + 1) & 0xffff
    if (this.features.hasEventIdx && this.batchLeft === 0)
      this.driverArea.put16(this.place.avail + 4 + 2 * this.size, this.usedIdx)
    return head
  }

  /** Reads and checks the used element at `usedIdx`: how many chains it stands for, and the length it tells. */
  private readElement(): number {
    const bytes = this.deviceArea
    const rawIdx = bytes[this.place.used + 2] | (bytes[this.place.used + 3] << 8)
    const rawCount = (rawIdx - this.usedIdx) & 0xffff
    if (rawCount === 0) return NOTHING_USED
    if (rawCount > this.shadowInFlight - this.offered.length)
      return this.fail(`used.idx is ahead by ${rawCount}, and fewer chains are out`)
    const at = this.place.used + 4 + 8 * (this.usedIdx & (this.size - 1))
    const rawId = (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
    const rawLength =
      (bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24)) >>> 0
    if (rawId >= this.size) return this.fail(`used id ${rawId} is outside queue size ${this.size}`)
    // offered, but not published: the device does not have this chain yet
    if (this.shadowWritable[rawId] < 0 || this.offered.indexOf(rawId) >= 0)
      return this.fail(`used id ${rawId} is not the head of a chain in flight`)
    if (rawLength > this.shadowWritable[rawId])
      return this.fail(
        `used length ${rawLength} of chain ${rawId} exceeds its writable length ${this.shadowWritable[rawId]}`,
      )
    let batch = 1
    if (this.features.hasInOrder) {
      while (batch <= rawCount && this.shadowOrder[batch - 1] !== rawId) batch++
      if (batch > rawCount) return this.fail(`used id ${rawId} is not among those next in order, ${rawCount}`)
    }
    this.batchLeft = batch
    this.batchLength = rawLength
    this.elementHead = rawId
    return ELEMENT_READ
  }

  private describeAt(at: number, offset: number, length: number, isWritable: boolean, next: number): void {
    this.putAddress(at, offset, isWritable ? this.bases.device : this.bases.driver)
    this.driverArea.put32(at + 8, length)
    this.driverArea.put16(at + 12, (isWritable ? DESCRIPTOR_WRITE : 0) | (next >= 0 ? DESCRIPTOR_NEXT : 0))
    this.driverArea.put16(at + 14, next >= 0 ? next : 0)
  }

  private putAddress(at: number, offset: number, base: BaseAddress): void {
    this.driverArea.put32(at, base.low + offset)
    this.driverArea.put32(at + 4, base.high)
  }

  private fail(reason: string): number {
    this.brokenReason = reason
    return USED_BROKEN
  }
}
