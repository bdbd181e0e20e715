// Places of short buffers: never one over another that is in use, and the same in every lap that is like the last.

import { describe, expect, it } from "vitest"
import { LapArena } from "../../host/src/driver/lap-arena.js"
import { fc } from "../support/seeded-fast-check.js"

const SLOTS = 8
const BASE = 100
const LENGTH = SLOTS * 4

describe("a lap arena", () => {
  it("puts the buffers of a batch one behind another", () => {
    const arena = new LapArena(SLOTS, BASE, LENGTH)
    expect([0, 1, 2, 3].map((slot) => arena.place(slot, 1, 0))).toEqual([100, 101, 102, 103])
  })

  it("gives every slot its place again in a lap like the one before", () => {
    const arena = new LapArena(SLOTS, BASE, LENGTH)
    const lap = () => Array.from({ length: SLOTS }, (_, slot) => arena.place(slot, slot % 3, undefined))
    expect(lap()).toEqual(lap())
  })

  it("has no room where the lap before is still in use, and has it when that is released", () => {
    const arena = new LapArena(SLOTS, BASE, LENGTH)
    for (let slot = 0; slot < SLOTS; slot++) arena.place(slot, 1, 0)
    // slots 2 to 7 are in use: they begin at 102
    expect(arena.place(0, 2, 2)).toBe(100)
    expect(arena.place(1, 1, 2)).toBeUndefined()
    expect(arena.place(1, 1, undefined)).toBe(102)
  })

  it("places again after it was rewound", () => {
    const arena = new LapArena(SLOTS, BASE, LENGTH)
    arena.place(0, 3, undefined)
    const first = arena.place(1, 2, 0)
    arena.place(2, 2, 0)
    arena.rewind(1)
    expect(arena.place(1, 2, 0)).toBe(first)
  })

  it("never gives out a byte that is in use, whatever is asked and in whatever order it is released", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("place" as const), length: fc.integer({ min: 0, max: 4 }) }),
      fc.record({ kind: fc.constant("release" as const), which: fc.nat() }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
        const arena = new LapArena(SLOTS, BASE, LENGTH)
        /** In the order in which they were taken; released ones are kept until those before them are. */
        const inUse: { slot: number; at: number; length: number; isReleased: boolean }[] = []
        let next = 0
        for (const one of steps) {
          if (one.kind === "release") {
            const open = inUse.filter(({ isReleased }) => !isReleased)
            const chosen = open[one.which % Math.max(1, open.length)]
            if (chosen) chosen.isReleased = true
            while (inUse[0]?.isReleased) inUse.shift()
            continue
          }
          if (inUse.length === SLOTS) continue
          const at = arena.place(next, one.length, inUse[0]?.slot)
          if (at !== undefined) {
            expect(at).toBeGreaterThanOrEqual(BASE)
            expect(at + one.length).toBeLessThanOrEqual(BASE + LENGTH)
            for (const other of inUse)
              expect(at + one.length <= other.at || other.at + other.length <= at).toBe(true)
          }
          inUse.push({
            slot: next,
            at: at ?? 0,
            length: at === undefined ? 0 : one.length,
            isReleased: false,
          })
          next = (next + 1) % SLOTS
        }
      }),
    )
  })
})
