// Both halves of one virtqueue, over two real areas and their mirrors. Nothing travels until the test says so.

import { allocateBytes, type HostBytes } from "../../../host/src/bytes.js"
import { NOTE_BLOCK_SIZE } from "../../../shared-protocol/src/mailbox/mailbox.js"
import { OutgoingArea, runAt } from "../../../shared-protocol/src/mailbox/outgoing-area.js"
import { DeviceRing } from "../../../shared-protocol/src/ring/device-ring.js"
import { DriverRing, NOTHING_USED } from "../../../shared-protocol/src/ring/driver-ring.js"
import type { RingFeatures } from "../../../shared-protocol/src/ring/layout.js"

export const AREA_SIZE = 8192

/** Where the rings lie; buffers for the tests' use lie behind. */
export const PLACE = { desc: 0x40, avail: 0x1100, used: 0x20 }
export const DRIVER_BUFFERS = 0x1400
export const DEVICE_BUFFERS = 0x900

export const NO_FEATURES: RingFeatures = { hasIndirect: false, hasEventIdx: false, hasInOrder: false }

/** A buffer of a chain, in the area that its direction asks for. */
export interface Buffer {
  readonly offset: number
  readonly length: number
  readonly isWritable: boolean
}

export class RingPair {
  readonly driverArea = new OutgoingArea(allocateBytes(AREA_SIZE))
  readonly deviceArea = new OutgoingArea(allocateBytes(AREA_SIZE))
  /** The device's mirror of the driver-written area, and the driver's of the device-written one. */
  readonly deviceSees: HostBytes = allocateBytes(AREA_SIZE)
  readonly driverSees: HostBytes = allocateBytes(AREA_SIZE)
  readonly driver: DriverRing
  readonly device: DeviceRing
  /** What the device's mailbox would say of its mirror. */
  readonly notes: number[] = new Array(AREA_SIZE / NOTE_BLOCK_SIZE).fill(0)

  constructor(size: number, features: Partial<RingFeatures> = {}) {
    const all = { ...NO_FEATURES, ...features }
    this.driver = new DriverRing({ size, ...PLACE }, this.driverArea, this.driverSees, all)
    this.device = new DeviceRing(this.deviceSees, this.deviceArea, allocateBytes, size, this.notes)
    this.device.size = size
    this.device.desc = PLACE.desc
    this.device.avail = PLACE.avail
    this.device.used = PLACE.used
    this.device.enable(all)
    this.toDevice()
    this.toDriver()
  }

  /** Carries what the driver changed to the device. */
  toDevice(): void {
    for (let i = this.driverArea.dirtyFirst; i < this.driverArea.dirtyEnd; i++) {
      const { offset, length } = runAt(this.driverArea, i)
      for (let at = offset - (offset % NOTE_BLOCK_SIZE); at < offset + length; at += NOTE_BLOCK_SIZE)
        this.notes[at / NOTE_BLOCK_SIZE] = 0
    }
    carry(this.driverArea, this.deviceSees)
  }

  /** Carries what the device changed to the driver. */
  toDriver(): void {
    carry(this.deviceArea, this.driverSees)
  }

  /** Describes a chain in the descriptors `indexes`, one for each buffer; returns its device-writable bytes. */
  describe(indexes: readonly number[], buffers: readonly Buffer[]): number {
    let writable = 0
    for (const [i, buffer] of buffers.entries()) {
      const next = i + 1 < buffers.length ? Number(indexes[i + 1]) : -1
      this.driver.describe(Number(indexes[i]), buffer.offset, buffer.length, buffer.isWritable, next)
      if (buffer.isWritable) writable += buffer.length
    }
    return writable
  }

  /** The chain that the device popped last. */
  popped(): Buffer[] {
    return Array.from({ length: this.device.count }, (_, i) => ({
      offset: this.device.offsetAt(i),
      length: this.device.lengthAt(i),
      isWritable: i >= this.device.readable,
    }))
  }

  /** Everything that the driver can take: heads and lengths. */
  takeAll(): [head: number, length: number][] {
    const taken: [number, number][] = []
    for (let head = this.driver.take(); head !== NOTHING_USED; head = this.driver.take()) {
      taken.push([head, this.driver.usedLength])
      if (head < 0) return taken
    }
    return taken
  }
}

/** Applies the changed runs of `area`, and only those, to the peer's mirror, as a mailbox does. */
export function carry(area: OutgoingArea, mirror: HostBytes): void {
  for (let i = area.dirtyFirst; i < area.dirtyEnd; i++) {
    const { offset, length } = runAt(area, i)
    mirror.blitAt(offset, area.bytes, offset, length)
  }
  for (let i = 0; i < area.indexCount; i++) {
    const offset = Number(area.indexOffsets[i])
    mirror.blitAt(offset, area.bytes, offset, 2)
  }
  area.dirtyFirst = 0
  area.dirtyEnd = 0
  area.indexCount = 0
}
