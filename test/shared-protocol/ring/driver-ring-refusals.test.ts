// What the driver's half refuses of a device that breaks the rules. After a refusal only a reset helps.

import { beforeEach, describe, expect, it } from "vitest"
import { putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import { NOTHING_USED, USED_BROKEN } from "../../../shared-protocol/src/ring/driver-ring.js"
import { fc } from "../../support/seeded-fast-check.js"
import { u8, u16, u32 } from "../support/arbitraries.js"
import { DEVICE_BUFFERS, DRIVER_BUFFERS, PLACE, RingPair } from "../support/ring-pair.js"

const SIZE = 8
const WRITABLE = 20

let pair: RingPair

/** A queue whose chains 0 and 2 are with the device; each takes two descriptors. */
function makePair(hasInOrder: boolean): RingPair {
  const made = new RingPair(SIZE, { hasInOrder })
  for (const head of [0, 2]) offer(made, head)
  made.driver.publish()
  return made
}

function offer(to: RingPair, head: number): void {
  to.describe(
    [head, head + 1],
    [
      { offset: DRIVER_BUFFERS, length: 8, isWritable: false },
      { offset: DEVICE_BUFFERS, length: WRITABLE, isWritable: true },
    ],
  )
  to.driver.offer(head, WRITABLE)
}

/** Writes a used element straight into what the driver sees. */
function used(slot: number, id: number, length: number, idx: number): void {
  putU32(pair.driverSees, PLACE.used + 4 + 8 * slot, id)
  putU32(pair.driverSees, PLACE.used + 8 + 8 * slot, length)
  putU16(pair.driverSees, PLACE.used + 2, idx)
}

function expectBroken(reason: string): void {
  expect(pair.driver.take()).toBe(USED_BROKEN)
  expect(pair.driver.brokenReason).toBe(reason)
  // a sound element cannot mend it
  used(0, 0, 0, 1)
  expect(pair.driver.take()).toBe(USED_BROKEN)
}

describe.each([false, true])("a driver ring, in order: %s", (hasInOrder) => {
  beforeEach(() => {
    pair = makePair(hasInOrder)
  })

  it("takes lengths from 0 to all that is writable", () => {
    used(0, 0, 0, 1)
    expect(pair.takeAll()).toEqual([[0, 0]])
    used(1, 2, WRITABLE, 2)
    expect(pair.takeAll()).toEqual([[2, WRITABLE]])
    expect(pair.driver.take()).toBe(NOTHING_USED)
  })

  it.each([SIZE, 0x10000, 0x80000000, 0xffffffff])("refuses a used id of %i", (id) => {
    used(0, id, 1, 1)
    expectBroken(`used id ${id} is outside queue size 8`)
  })

  it.each([1, 4])("refuses a used id of %i, which is no head", (id) => {
    used(0, id, 1, 1)
    expectBroken(`used id ${id} is not the head of a chain in flight`)
  })

  it("refuses a chain that comes back twice", () => {
    used(0, 0, 1, 1)
    expect(pair.driver.take()).toBe(0)
    used(1, 0, 1, 2)
    expectBroken("used id 0 is not the head of a chain in flight")
  })

  it.each([WRITABLE + 1, 0x10000, 0xffffffff])("refuses a length of %i beyond the buffers", (length) => {
    used(0, 0, length, 1)
    expectBroken(`used length ${length} of chain 0 exceeds its writable length 20`)
  })

  it.each([3, 0x8000, 0xffff])("refuses a used.idx that jumps %i ahead", (idx) => {
    used(0, 0, 1, idx)
    expectBroken(`used.idx is ahead by ${idx}, and fewer chains are out`)
  })

  it("refuses a used.idx that goes back", () => {
    used(0, 0, 1, 1)
    expect(pair.driver.take()).toBe(0)
    used(0, 0, 1, 0)
    expectBroken("used.idx is ahead by 65535, and fewer chains are out")
  })

  it("refuses a chain that was not published yet, even in the place of one that was", () => {
    offer(pair, 4)
    used(0, 4, 1, 1)
    expectBroken("used id 4 is not the head of a chain in flight")
  })

  it("keeps to what it knows, whatever the used ring says", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(u8, u32, u32, u16), { maxLength: 6 }), (writes) => {
        pair = makePair(hasInOrder)
        const heads = new Set<number>()
        for (const [slot, id, length, idx] of writes) {
          used(slot % SIZE, id % 10, length % 24, idx % 5)
          for (const [head, usedLength] of pair.takeAll()) {
            if (head === USED_BROKEN) return
            expect(head === 0 || head === 2).toBe(true)
            expect(heads.has(head)).toBe(false)
            expect(usedLength).toBeLessThanOrEqual(WRITABLE)
            heads.add(head)
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe("with VIRTIO_F_IN_ORDER", () => {
  beforeEach(() => {
    pair = makePair(true)
  })

  it("one element stands for the chains before it, which count as filled", () => {
    used(0, 2, 3, 2)
    expect(pair.takeAll()).toEqual([
      [0, WRITABLE],
      [2, 3],
    ])
  })

  it("an element for a chain behind those that came back is refused", () => {
    used(0, 2, 3, 1)
    expectBroken("used id 2 is not among those next in order, 1")
  })
})
