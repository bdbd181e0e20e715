// The driver's half of a virtqueue against the device's half.

import { describe, expect, it } from "vitest"
import { RING_EMPTY } from "../../../shared-protocol/src/ring/device-ring.js"
import { NOTHING_USED } from "../../../shared-protocol/src/ring/driver-ring.js"
import type { RingFeatures } from "../../../shared-protocol/src/ring/layout.js"
import { fc } from "../../support/seeded-fast-check.js"
import { type Buffer, DEVICE_BUFFERS, DRIVER_BUFFERS, RingPair } from "../support/ring-pair.js"

const SIZE = 16

const readable = fc.record({
  offset: fc.integer({ min: DRIVER_BUFFERS, max: DRIVER_BUFFERS + 2000 }),
  length: fc.integer({ min: 0, max: 300 }),
  isWritable: fc.constant(false),
})
const writable = fc.record({
  offset: fc.integer({ min: DEVICE_BUFFERS, max: DEVICE_BUFFERS + 2000 }),
  length: fc.integer({ min: 0, max: 300 }),
  isWritable: fc.constant(true),
})
const chain = fc
  .tuple(fc.array(readable, { maxLength: 3 }), fc.array(writable, { maxLength: 3 }))
  .map(([out, into]): Buffer[] => [...out, ...into])
  .filter((buffers) => buffers.length > 0)

/** What happens next: chains are offered and published, or some are used, or what was used is taken. */
const step = fc.oneof(
  fc.record({ kind: fc.constant("offer" as const), chains: fc.array(chain, { minLength: 1, maxLength: 4 }) }),
  fc.record({ kind: fc.constant("use" as const), most: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant("take" as const) }),
)
const features: fc.Arbitrary<Partial<RingFeatures>> = fc.record({
  hasIndirect: fc.boolean(),
  hasEventIdx: fc.boolean(),
  hasInOrder: fc.boolean(),
})

/** A driver that keeps its chains in free descriptors, and a device that uses them; both check what they see. */
class Exchange {
  readonly pair: RingPair
  private readonly isInOrder: boolean
  private readonly isIndirect: boolean
  private readonly free = Array.from({ length: SIZE }, (_, i) => SIZE - 1 - i)
  /** By head: the chain, its descriptors, and the length that the device will report. */
  private readonly out = new Map<number, { buffers: Buffer[]; indexes: number[]; length: number }>()
  private readonly offered: number[] = []
  private readonly used: number[] = []

  constructor(chosen: Partial<RingFeatures>) {
    this.pair = new RingPair(SIZE, chosen)
    this.isInOrder = chosen.hasInOrder === true
    this.isIndirect = chosen.hasIndirect === true
  }

  offer(chains: readonly Buffer[][]): void {
    for (const buffers of chains) {
      const needed = this.isIndirect ? 1 : buffers.length
      if (this.free.length < needed) break
      const indexes = this.free.splice(this.free.length - needed)
      const head = Number(indexes[0])
      const sum = this.isIndirect ? this.describeTable(head, buffers) : this.pair.describe(indexes, buffers)
      this.out.set(head, { buffers, indexes, length: sum })
      this.pair.driver.offer(head, sum)
      this.offered.push(head)
    }
    this.pair.driver.publish()
    this.pair.toDevice()
  }

  use(most: number): void {
    const { device } = this.pair
    for (let i = 0; i < most; i++) {
      const pending = device.pending()
      expect(pending).toBe(this.offered.length)
      const head = device.pop()
      if (pending === 0) {
        expect(head).toBe(RING_EMPTY)
        break
      }
      expect(head).toBe(this.offered.shift())
      const chain = this.out.get(head)
      expect(this.pair.popped()).toEqual(chain?.buffers)
      // in order, only the last length of a batch is reported: the others count as filled
      const length = this.isInOrder ? Number(chain?.length) : Math.floor(Number(chain?.length) / 2)
      if (chain) chain.length = length
      device.push(head, length)
      this.used.push(head)
    }
    device.publish()
    this.pair.toDriver()
  }

  take(): void {
    const taken = this.pair.takeAll()
    expect(taken).toEqual(this.used.splice(0).map((head) => [head, this.out.get(head)?.length]))
    for (const [head] of taken) {
      this.free.push(...(this.out.get(head)?.indexes ?? []))
      this.out.delete(head)
    }
  }

  private describeTable(head: number, buffers: readonly Buffer[]): number {
    const table = 0x2000 - (head + 1) * 96 // a place of its own behind the buffers
    let sum = 0
    for (const [i, buffer] of buffers.entries()) {
      const next = i + 1 < buffers.length ? i + 1 : -1
      this.pair.driver.describeIndirect(table, i, buffer.offset, buffer.length, buffer.isWritable, next)
      if (buffer.isWritable) sum += buffer.length
    }
    this.pair.driver.describeTable(head, table, buffers.length)
    return sum
  }
}

describe("both halves of a virtqueue", () => {
  it("hand every chain over whole, and back once, in any interleaving and with any features", () => {
    fc.assert(
      fc.property(features, fc.array(step, { minLength: 10, maxLength: 60 }), (chosen, steps) => {
        const exchange = new Exchange(chosen)
        for (const next of steps) {
          if (next.kind === "offer") exchange.offer(next.chains)
          else if (next.kind === "use") exchange.use(next.most)
          else exchange.take()
        }
        exchange.use(SIZE)
        exchange.take()
        expect(exchange.pair.driver.brokenReason + exchange.pair.device.brokenReason).toBe("")
      }),
      { numRuns: 120 },
    )
  })

  it.each([
    { hasEventIdx: false, hasInOrder: false },
    { hasEventIdx: true, hasInOrder: false },
    { hasEventIdx: true, hasInOrder: true },
  ])("run past index 65536 (EVENT_IDX $hasEventIdx, IN_ORDER $hasInOrder)", (chosen) => {
    const pair = new RingPair(SIZE, chosen)
    const { driver, device } = pair
    const buffer = { offset: DEVICE_BUFFERS, length: 1, isWritable: true }
    for (let head = 0; head < SIZE; head++) pair.describe([head], [buffer])
    let wrong = 0
    const batch = SIZE - 3 // so that the ring's end falls anywhere in a batch
    for (let i = 0; i < 65536 / batch + 5; i++) {
      for (let head = 0; head < batch; head++) driver.offer(head, 1)
      if (!driver.publish()) wrong++
      pair.toDevice()
      for (let head = 0; head < batch; head++) {
        if (device.pop() !== head) wrong++
        device.push(head, 1)
      }
      if (!device.publish()) wrong++
      pair.toDriver()
      for (let head = 0; head < batch; head++) if (driver.take() !== head) wrong++
      if (driver.take() !== NOTHING_USED) wrong++
      pair.toDevice()
    }
    expect(wrong).toBe(0)
  })

  it("say nothing new, and want no event, while nothing was offered or used", () => {
    const { driver, device } = new RingPair(SIZE)
    expect(driver.publish()).toBe(false)
    expect(device.publish()).toBe(false)
  })

  it("refuse to offer a chain that the device still holds: that is the caller's mistake", () => {
    const pair = new RingPair(SIZE)
    pair.describe([0], [{ offset: DRIVER_BUFFERS, length: 8, isWritable: false }])
    pair.driver.offer(0, 0)
    expect(() => pair.driver.offer(0, 0)).toThrow("descriptor 0 is already with the device")
  })

  it("start anew after a reset, in memory that holds anything", () => {
    const pair = new RingPair(4)
    pair.deviceArea.bytes.fillAt(0, 8192, 0xa5)
    pair.deviceArea.mark(0, 8192)
    pair.toDriver()
    const { device } = pair
    const generation = device.resetCount
    device.reset()
    expect(device.resetCount).toBe(generation + 1)
    device.size = 4
    device.desc = 0x40
    device.avail = 0x1100
    device.used = 0x20
    device.enable({ hasIndirect: false, hasEventIdx: false, hasInOrder: false })
    pair.toDriver()
    expect(pair.takeAll()).toEqual([])
    for (let i = 0; i < 9; i++) {
      const head = i % 4
      pair.describe([head], [{ offset: DEVICE_BUFFERS, length: 700, isWritable: true }])
      pair.driver.offer(head, 700)
      pair.driver.publish()
      pair.toDevice()
      expect(device.pop()).toBe(head)
      device.push(head, 513)
      device.publish()
      pair.toDriver()
      expect(pair.takeAll()).toEqual([[head, 513]])
    }
  })
})
