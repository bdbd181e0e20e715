// When the halves of a virtqueue want to be told of the other's progress (virtio 1.4 2.7.7 to 2.7.10).

import { describe, expect, it } from "vitest"
import {
  AVAIL_NO_INTERRUPT,
  availBytes,
  descBytes,
  isEventDue,
  isQueueSize,
  USED_NO_NOTIFY,
  usedBytes,
} from "../../../shared-protocol/src/ring/layout.js"
import { fc } from "../../support/seeded-fast-check.js"
import { u16 } from "../support/arbitraries.js"
import { DRIVER_BUFFERS, PLACE, RingPair } from "../support/ring-pair.js"

const SIZE = 8

/** Offers `count` chains of one readable buffer from descriptor `first`, and says whether EVENT_AVAIL is due. */
function offer(pair: RingPair, first: number, count: number): boolean {
  for (let i = 0; i < count; i++) {
    pair.describe([first + i], [{ offset: DRIVER_BUFFERS, length: 1, isWritable: false }])
    pair.driver.offer(first + i, 0)
  }
  const isDue = pair.driver.publish()
  pair.toDevice()
  return isDue
}

/** Uses `count` chains and says whether EVENT_USED is due. */
function use(pair: RingPair, count: number): boolean {
  for (let i = 0; i < count; i++) pair.device.push(pair.device.pop(), 0)
  const isDue = pair.device.publish()
  pair.toDriver()
  return isDue
}

describe("without VIRTIO_F_EVENT_IDX", () => {
  it("D31 every publication wants an EVENT_AVAIL unless the device declines them", () => {
    const pair = new RingPair(SIZE)
    expect(offer(pair, 0, 2)).toBe(true)
    pair.deviceArea.put16(PLACE.used, USED_NO_NOTIFY)
    pair.toDriver()
    expect(offer(pair, 2, 2)).toBe(false)
  })

  it("V35 every publication wants an EVENT_USED unless the driver declines them", () => {
    const pair = new RingPair(SIZE)
    offer(pair, 0, 4)
    expect(use(pair, 1)).toBe(true)
    pair.driverArea.put16(PLACE.avail, AVAIL_NO_INTERRUPT)
    pair.toDevice()
    expect(use(pair, 1)).toBe(false)
  })
})

describe("with VIRTIO_F_EVENT_IDX", () => {
  it("the driver tells of the chain that the device waits for, and not of those before it", () => {
    const pair = new RingPair(SIZE, { hasEventIdx: true })
    expect(offer(pair, 0, 2)).toBe(true) // the first that comes
    expect(offer(pair, 2, 1)).toBe(false) // the device has not looked since
    use(pair, 3)
    expect(offer(pair, 3, 1)).toBe(true)
  })

  it("the device tells of the chain that the driver waits for, and not of those before it", () => {
    const pair = new RingPair(SIZE, { hasEventIdx: true })
    offer(pair, 0, 6)
    expect(use(pair, 2)).toBe(true)
    expect(use(pair, 2)).toBe(false) // the driver has not looked since
    expect(pair.takeAll()).toHaveLength(4)
    pair.toDevice()
    expect(use(pair, 1)).toBe(true)
  })

  it("an event is due exactly when the index passes the one asked for", () => {
    fc.assert(
      fc.property(
        u16,
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: -60, max: 60 }),
        (old, count, ahead) => {
          const asked = (old + ahead) & 0xffff
          const passed = Array.from({ length: count }, (_, i) => (old + i) & 0xffff)
          expect(isEventDue(asked, (old + count) & 0xffff, old)).toBe(passed.includes(asked))
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe("the layout", () => {
  it("has the sizes of virtio 1.4 2.7", () => {
    expect([descBytes(256), availBytes(256), usedBytes(256)]).toEqual([4096, 518, 2054])
  })

  it("takes powers of two up to 32768 for queue sizes", () => {
    const sizes = [0, 1, 2, 3, 4, 6, 255, 256, 32768, 65536, 0x80000000, 0xffffffff]
    expect(sizes.filter(isQueueSize)).toEqual([1, 2, 4, 256, 32768])
  })
})
