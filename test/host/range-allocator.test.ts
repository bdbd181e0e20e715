// Places in the window: nothing overlaps, nothing leaks, and joined runs stay joined.

import { describe, expect, it } from "vitest"
import { RangeAllocator } from "../../host/src/bus/range-allocator.js"
import { tidyArea } from "../../host/src/bus/tidy-area.js"
import { allocateBytes } from "../../host/src/bytes.js"
import { OutgoingArea, runAt } from "../../shared-protocol/src/mailbox/outgoing-area.js"
import { fc } from "../support/seeded-fast-check.js"

describe("RangeAllocator", () => {
  it("aligns, fits exactly, and says when there is no run long enough", () => {
    const space = new RangeAllocator(16, 100)
    expect(space.longestFree).toBe(100)
    expect(space.allocate(1)).toBe(16)
    expect(space.allocate(16, 16)).toBe(32)
    expect(space.allocate(15)).toBe(17)
    expect(space.allocate(69)).toBeUndefined()
    expect(space.allocate(68)).toBe(48)
    expect(space.allocate(1)).toBeUndefined()
    expect(space.longestFree).toBe(0)
    expect(new RangeAllocator(0, 0).allocate(1)).toBeUndefined()
  })

  const action = fc.oneof(
    fc.record({ length: fc.integer({ min: 1, max: 200 }), alignmentBit: fc.nat(4) }),
    fc.record({ release: fc.nat() }),
  )

  it("never hands a byte out twice, and has all of them free again at the end", () => {
    const size = 1024
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const space = new RangeAllocator(16, size)
        const isTaken = new Uint8Array(16 + size)
        const held: { offset: number; length: number }[] = []
        const release = (at: number) => {
          const [range] = held.splice(at, 1)
          if (!range) return
          isTaken.fill(0, range.offset, range.offset + range.length)
          space.release(range.offset, range.length)
        }
        for (const step of actions) {
          if ("release" in step) {
            release(step.release % (held.length + 1))
            continue
          }
          const alignment = 1 << step.alignmentBit
          const offset = space.allocate(step.length, alignment)
          if (offset === undefined) continue
          expect(offset % alignment).toBe(0)
          expect(offset).toBeGreaterThanOrEqual(16)
          expect(offset + step.length).toBeLessThanOrEqual(16 + size)
          expect(isTaken.subarray(offset, offset + step.length).some((byte) => byte === 1)).toBe(false)
          isTaken.fill(1, offset, offset + step.length)
          held.push({ offset, length: step.length })
        }
        while (held.length > 0) release(0)
        expect(space.allocate(size)).toBe(16)
      }),
    )
  })
})

describe("tidyArea", () => {
  it("covers every changed byte, with as few runs as pay", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(510), { maxLength: 30 }), (offsets) => {
        const area = new OutgoingArea(allocateBytes(512))
        const changed = new Set<number>()
        for (const [at, offset] of offsets.entries()) {
          area.put16(offset, 0x101 * (at + 1))
          changed.add(offset).add(offset + 1)
        }
        const before = area.dirtyEnd - area.dirtyFirst
        tidyArea(area)
        expect(area.dirtyEnd - area.dirtyFirst).toBeLessThanOrEqual(before)
        const covered = new Set<number>()
        let end = -1
        for (let run = area.dirtyFirst; run < area.dirtyEnd; run++) {
          const { offset: start, length } = runAt(area, run)
          expect(start).toBeGreaterThan(end) // sorted, and apart
          end = start + length
          for (let at = start; at < end; at++) covered.add(at)
        }
        for (const at of changed) expect(covered.has(at)).toBe(true)
      }),
    )
  })
})
