// What the device's half refuses of a driver that breaks the rules. Every refusal leaves the ring unmoved.

import { beforeEach, describe, expect, it } from "vitest"
import { putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import { RING_BROKEN, RING_EMPTY } from "../../../shared-protocol/src/ring/device-ring.js"
import {
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_WRITE,
} from "../../../shared-protocol/src/ring/layout.js"
import { fc } from "../../support/seeded-fast-check.js"
import { u8, u16, u32 } from "../support/arbitraries.js"
import { AREA_SIZE, DEVICE_BUFFERS, DRIVER_BUFFERS, PLACE, RingPair } from "../support/ring-pair.js"

const SIZE = 8
const TABLE = 0x1800

interface RawDescriptor {
  area?: number
  offset?: number
  /** Bits 47..16 of the address, which must be 0. */
  middle?: number
  length?: number
  flags?: number
  next?: number
}

let pair: RingPair

beforeEach(() => {
  pair = new RingPair(SIZE, { hasIndirect: true })
})

/** Writes a descriptor straight into what the device sees. */
function raw(index: number, fields: RawDescriptor, table = PLACE.desc): void {
  const at = table + 16 * index
  const bytes = pair.deviceSees
  putU16(bytes, at, fields.offset ?? DRIVER_BUFFERS)
  putU32(bytes, at + 2, fields.middle ?? 0)
  putU16(bytes, at + 6, fields.area ?? 1)
  putU32(bytes, at + 8, fields.length ?? 1)
  putU16(bytes, at + 12, fields.flags ?? 0)
  putU16(bytes, at + 14, fields.next ?? 0)
}

/** Makes `head` available. */
function available(head: number, idx = 1): void {
  putU16(pair.deviceSees, PLACE.avail + 4, head)
  putU16(pair.deviceSees, PLACE.avail + 2, idx)
}

function expectBroken(reason: string): void {
  expect(pair.device.pop()).toBe(RING_BROKEN)
  expect(pair.device.brokenReason).toBe(reason)
}

describe("a device ring takes", () => {
  it("buffers up to the last byte of their area, and empty ones behind it", () => {
    raw(0, { offset: AREA_SIZE - 1, length: 1, flags: DESCRIPTOR_NEXT, next: 3 })
    raw(3, { offset: AREA_SIZE, length: 0, flags: DESCRIPTOR_NEXT, next: 4 })
    raw(4, { area: 2, offset: AREA_SIZE - 2, length: 2, flags: DESCRIPTOR_WRITE })
    available(0)
    expect(pair.device.pop()).toBe(0)
    expect(pair.device.count).toBe(3)
    expect(pair.device.readable).toBe(2)
  })

  it("a chain of as many descriptors as the queue has", () => {
    for (let i = 0; i < SIZE; i++) raw(i, { flags: i + 1 < SIZE ? DESCRIPTOR_NEXT : 0, next: i + 1 })
    available(0)
    expect(pair.device.pop()).toBe(0)
    expect(pair.device.count).toBe(SIZE)
  })

  it.each([64, 65, 255, 256])("a chain of %i descriptors in a queue of 256, each with its place", (count) => {
    pair = new RingPair(256)
    const order = Array.from({ length: count }, (_, i) => (i * 77 + 5) & 0xff)
    for (const [i, index] of order.entries())
      raw(index, {
        area: i < 40 ? 1 : 2,
        offset: 0x1400 + 3 * i,
        length: i,
        flags: (i < 40 ? 0 : DESCRIPTOR_WRITE) | (i + 1 < count ? DESCRIPTOR_NEXT : 0),
        next: order[i + 1] ?? 0,
      })
    available(5)
    expect(pair.device.pop()).toBe(5)
    expect(pair.popped()).toEqual(
      order.map((_, i) => ({ offset: 0x1400 + 3 * i, length: i, isWritable: i >= 40 })),
    )
  })

  it("R5 an indirect descriptor with the WRITE flag, which means nothing there", () => {
    raw(0, { offset: TABLE, length: 16, flags: DESCRIPTOR_INDIRECT | DESCRIPTOR_WRITE })
    raw(0, { length: 5 }, TABLE)
    available(0)
    expect(pair.device.pop()).toBe(0)
    expect([pair.device.count, pair.device.readable, pair.device.lengths[0]]).toEqual([1, 1, 5])
  })

  it("R6 descriptors before the indirect one", () => {
    raw(0, { length: 8, flags: DESCRIPTOR_NEXT, next: 1 })
    raw(1, { offset: TABLE, length: 32, flags: DESCRIPTOR_INDIRECT })
    raw(0, { length: 3, flags: DESCRIPTOR_NEXT, next: 1 }, TABLE)
    raw(1, { area: 2, offset: DEVICE_BUFFERS, length: 1, flags: DESCRIPTOR_WRITE }, TABLE)
    available(0)
    expect(pair.device.pop()).toBe(0)
    expect(pair.device.lengths.slice(0, pair.device.count)).toEqual([8, 3, 1])
    expect(pair.device.readable).toBe(2)
  })

  it("an indirect table of as many entries as the queue has", () => {
    for (let i = 0; i < SIZE; i++) raw(i, { flags: i + 1 < SIZE ? DESCRIPTOR_NEXT : 0, next: i + 1 }, TABLE)
    raw(5, { offset: TABLE, length: 16 * SIZE, flags: DESCRIPTOR_INDIRECT })
    available(5)
    expect(pair.device.pop()).toBe(5)
    expect(pair.device.count).toBe(SIZE)
  })
})

describe("a device ring refuses", () => {
  it("a chain that loops", () => {
    raw(0, { flags: DESCRIPTOR_NEXT, next: 1 })
    raw(1, { flags: DESCRIPTOR_NEXT, next: 0 })
    available(0)
    expectBroken("a long chain")
  })

  it("a descriptor that follows itself", () => {
    raw(2, { flags: DESCRIPTOR_NEXT, next: 2 })
    available(2)
    expectBroken("a long chain")
  })

  it("a loop inside an indirect table", () => {
    raw(0, { flags: DESCRIPTOR_NEXT, next: 1 }, TABLE)
    raw(1, { flags: DESCRIPTOR_NEXT, next: 0 }, TABLE)
    raw(0, { offset: TABLE, length: 32, flags: DESCRIPTOR_INDIRECT })
    available(0)
    expectBroken("a long chain")
  })

  it.each([SIZE, SIZE + 1, 0xffff])("a head of %i", (head) => {
    available(head)
    expectBroken("outside the table")
  })

  it("a next outside the table, direct or indirect", () => {
    raw(0, { flags: DESCRIPTOR_NEXT, next: SIZE })
    available(0)
    expectBroken("outside the table")
    raw(0, { flags: DESCRIPTOR_NEXT, next: 2 }, TABLE)
    raw(0, { offset: TABLE, length: 32, flags: DESCRIPTOR_INDIRECT })
    expectBroken("outside the table")
  })

  it.each([1, 0x100, 0x10000, 0x1000000, 0xffffffff])(
    "an address with %i between area and offset",
    (middle) => {
      raw(0, { middle })
      available(0)
      expectBroken("outside the window")
    },
  )

  it.each([0, 2, 3, 0xffff])("a readable buffer in area %i", (area) => {
    raw(0, { area })
    available(0)
    expectBroken("a readable buffer")
  })

  it.each([0, 1, 3, 0xffff])("a writable buffer in area %i", (area) => {
    raw(0, { area, offset: DEVICE_BUFFERS, flags: DESCRIPTOR_WRITE })
    available(0)
    expectBroken("a writable buffer")
  })

  it.each([
    [AREA_SIZE - 1, 2],
    [AREA_SIZE, 1],
    [AREA_SIZE + 1, 0],
    [0xffff, 0],
    [0, AREA_SIZE + 1],
    [16, 0xfffffff0],
    [0, 0xffffffff],
  ])("a buffer at %i of %i bytes, either way", (offset, length) => {
    raw(0, { offset, length })
    available(0)
    expectBroken("a readable buffer")
    raw(0, { area: 2, offset, length, flags: DESCRIPTOR_WRITE })
    expectBroken("a writable buffer")
  })

  it("a readable buffer behind a writable one", () => {
    raw(0, { area: 2, flags: DESCRIPTOR_WRITE | DESCRIPTOR_NEXT, next: 1 })
    raw(1, {})
    available(0)
    expectBroken("readable behind writable")
  })

  it("an indirect descriptor that was not negotiated", () => {
    pair = new RingPair(SIZE)
    raw(0, { offset: TABLE, length: 16, flags: DESCRIPTOR_INDIRECT })
    available(0)
    expectBroken("indirect, not negotiated")
  })

  it("an indirect descriptor that has a next, or lies in a table", () => {
    raw(0, { offset: TABLE, length: 16, flags: DESCRIPTOR_INDIRECT | DESCRIPTOR_NEXT, next: 1 })
    available(0)
    expectBroken("indirect, not at the end")
    raw(0, { offset: TABLE, length: 16, flags: DESCRIPTOR_INDIRECT })
    raw(0, { offset: TABLE, length: 16, flags: DESCRIPTOR_INDIRECT }, TABLE)
    expectBroken("indirect, not at the end")
  })

  it("a chain that an indirect table makes longer than the queue", () => {
    for (let i = 0; i < SIZE; i++) raw(i, { flags: i + 1 < SIZE ? DESCRIPTOR_NEXT : 0, next: i + 1 }, TABLE)
    raw(0, { flags: DESCRIPTOR_NEXT, next: 1 })
    raw(1, { offset: TABLE, length: 16 * SIZE, flags: DESCRIPTOR_INDIRECT })
    available(0)
    expectBroken("a long chain")
  })

  it.each([
    [0, TABLE, "no entry"],
    [8, TABLE, "half an entry"],
    [17, TABLE, "a broken entry"],
    [16 * (SIZE + 1), TABLE, "more entries than the queue"],
    [0xfffffff0, TABLE, "more than the area"],
    [32, AREA_SIZE - 16, "the area's end inside it"],
  ])("an indirect table of %i bytes at %i: %s", (length, offset) => {
    raw(0, { offset, length, flags: DESCRIPTOR_INDIRECT })
    available(0)
    expectBroken("an indirect table")
  })

  it("an indirect table in the area that the device writes", () => {
    raw(0, { area: 2, offset: TABLE, length: 16, flags: DESCRIPTOR_INDIRECT })
    available(0)
    expectBroken("an indirect table")
  })

  it.each([SIZE + 1, 0x8000, 0xffff])("an avail.idx that jumps %i ahead", (idx) => {
    raw(0, {})
    available(0, idx)
    expect(pair.device.pending()).toBe(idx)
    expectBroken("avail.idx")
  })

  it("an avail.idx that goes back", () => {
    raw(0, {})
    available(0, 1)
    expect(pair.device.pop()).toBe(0)
    available(0, 0)
    expectBroken("avail.idx")
  })
})

describe("a device ring in memory of any content", () => {
  it("returns a chain inside the window, or says what is wrong, and always ends", () => {
    const descriptor = fc.record({
      area: fc.oneof(fc.constantFrom(1, 2), u16),
      offset: fc.oneof(fc.nat(AREA_SIZE), u16),
      middle: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: u32 }),
      length: fc.oneof(fc.constantFrom(0, 1, 16, 32, 48), fc.nat(300), u32),
      flags: fc.oneof({ weight: 9, arbitrary: fc.nat(7) }, { weight: 1, arbitrary: u16 }),
      next: fc.oneof({ weight: 9, arbitrary: fc.nat(SIZE - 1) }, { weight: 1, arbitrary: u16 }),
    })
    fc.assert(
      fc.property(fc.array(descriptor, { minLength: SIZE, maxLength: SIZE }), u8, (table, entry) => {
        pair = new RingPair(SIZE, { hasIndirect: true })
        for (const [i, fields] of table.entries()) raw(i, fields)
        available(entry % SIZE)
        const head = pair.device.pop()
        if (head === RING_BROKEN) expect(pair.device.brokenReason).not.toBe("")
        else expect(head).toBe(entry % SIZE)
        if (head < 0) return
        expect(pair.device.count).toBeLessThanOrEqual(SIZE)
        for (const { offset, length } of pair.popped()) expect(offset + length).toBeLessThanOrEqual(AREA_SIZE)
        expect(pair.device.pop()).toBe(RING_EMPTY)
      }),
      { numRuns: 400 },
    )
  })
})
