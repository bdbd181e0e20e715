// One table of chains over both device halves that this package has: the firmware's ring in the shared window, and the
// vhost-user backend's in a guest's memory.

import { describe } from "vitest"
import { GuestMemory } from "../../../host/src/node/vhost-user/guest-memory.js"
import { Vring } from "../../../host/src/node/vhost-user/vring.js"
import { putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import { RING_BROKEN } from "../../../shared-protocol/src/ring/device-ring.js"
import {
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_WRITE,
  DEVICE_AREA,
  DRIVER_AREA,
} from "../../../shared-protocol/src/ring/layout.js"
import { GUEST_BASE, GuestRing, MEMORY_LENGTH, USER_BASE } from "../../linux/guest-ring.js"
import { RING_CASE_SIZE, type RingCaseDescriptor, ringCases } from "../../suites/ring-cases.js"
import { DEVICE_BUFFERS, DRIVER_BUFFERS, PLACE, RingPair } from "../support/ring-pair.js"

const FIRST_TABLE = 0x1800

const flagsOf = ({ next, table, isWritable }: RingCaseDescriptor) =>
  (next === undefined ? 0 : DESCRIPTOR_NEXT) |
  (table ? DESCRIPTOR_INDIRECT : 0) |
  (isWritable ? DESCRIPTOR_WRITE : 0)

describe("the firmware's ring", () =>
  ringCases((descriptors) => {
    const pair = new RingPair(RING_CASE_SIZE, { hasIndirect: true })
    const bytes = pair.deviceSees
    let nextTable = FIRST_TABLE
    const write = (at: number, descriptor: RingCaseDescriptor) => {
      const { table, isWritable, length = 0, next = 0 } = descriptor
      let offset = isWritable ? DEVICE_BUFFERS : DRIVER_BUFFERS
      let lengthBytes = length
      if (table) {
        offset = nextTable
        nextTable += 16 * Math.max(1, table.length)
        lengthBytes = descriptor.tableBytes ?? 16 * table.length
        for (const [index, entry] of table.entries()) write(offset + 16 * index, entry)
      }
      putU16(bytes, at, offset)
      putU32(bytes, at + 2, 0)
      putU16(bytes, at + 6, isWritable && !table ? DEVICE_AREA : DRIVER_AREA)
      putU32(bytes, at + 8, lengthBytes)
      putU16(bytes, at + 12, flagsOf(descriptor))
      putU16(bytes, at + 14, next)
    }
    for (const [index, descriptor] of Object.entries(descriptors))
      write(PLACE.desc + 16 * Number(index), descriptor)
    putU16(bytes, PLACE.avail + 4, 0)
    putU16(bytes, PLACE.avail + 2, 1)
    const head = pair.device.pop()
    if (head === RING_BROKEN) return "broken"
    const sum = (isWritable: boolean) =>
      pair
        .popped()
        .filter((buffer) => buffer.isWritable === isWritable)
        .reduce((total, { length }) => total + length, 0)
    return { head, readable: sum(false), writable: sum(true) }
  }))

describe("the vhost-user backend's ring", () =>
  ringCases((descriptors) => {
    const bytes = new Uint8Array(MEMORY_LENGTH)
    const memory = new GuestMemory([{ guestAddress: GUEST_BASE, userAddress: USER_BASE, bytes }])
    const guest = new GuestRing(bytes, RING_CASE_SIZE)
    type Row = [address: number, length: number, flags: number, next: number]
    const rowOf = (descriptor: RingCaseDescriptor): Row => {
      const { table, length = 0, next = 0 } = descriptor
      const address = table ? guest.indirectTable(table.map(rowOf)) : GUEST_BASE + guest.allocate(length)
      const lengthBytes = table ? (descriptor.tableBytes ?? 16 * table.length) : length
      return [address, lengthBytes, flagsOf(descriptor), next]
    }
    for (const [index, descriptor] of Object.entries(descriptors))
      guest.describe(Number(index), ...rowOf(descriptor))
    const ring = new Vring(4096)
    ring.start(memory, guest.layout, 0, false)
    guest.offer(0)
    const chain = ring.pop()
    if (!chain) return "broken"
    return { head: chain.head, readable: chain.readableLength, writable: chain.writableLength }
  }))
