// What the page counts, and what it thinks is left of the budget that the runtime gives a program: five packets at
// once, then one every 20 ms (docs/bus.md).

import { describe, expect, it } from "vitest"
import type { Fate } from "../../host/src/link/faulty-link.js"
import type { Direction } from "../../host/src/link/link.js"
import { readPacket } from "../../host/src/trace/packet-records.js"
import { Counters } from "../../host/web/src/wire/counters.js"
import type { SeenPacket } from "../../host/web/src/wire/row.js"

/** Header, and a span of two bytes. */
const WITH_DATA = Uint8Array.of(1, 0x34, 0x12, 0, 0, 0x81, 0x10, 2, 0xaa, 0xbb)
/** A header alone: only acknowledges. */
const SIGNAL = Uint8Array.of(0, 0x34, 0x12, 0, 0)

describe("the counters", () => {
  function seen(direction: Direction, atMs: number, bytes = WITH_DATA, fate: Fate = "delivered"): SeenPacket {
    const contents = readPacket(bytes)
    if (!contents) throw new Error("the test's packet is none")
    const isTaken = fate === "delivered"
    return { number: 1, atMs, direction, bytes, contents, fate, isRepetition: false, isTaken, remarks: [] }
  }

  it("takes one from the budget for each packet of the M4, also for one without records, and none for the A7's", () => {
    const counters = new Counters()
    expect(counters.budget(0)).toBe(5)
    counters.count(seen("out", 0))
    expect(counters.budget(0)).toBe(5)
    counters.count(seen("in", 0))
    counters.count(seen("in", 0, SIGNAL))
    expect(counters.budget(0)).toBe(3)
  })

  it("gives one back every 20 ms, never more than five, and owes none", () => {
    const counters = new Counters()
    for (let i = 0; i < 7; i++) counters.count(seen("in", 0))
    expect(counters.budget(0)).toBe(0)
    expect(counters.budget(20)).toBe(1)
    expect(counters.budget(50)).toBe(2.5)
    counters.count(seen("in", 50))
    expect(counters.budget(50)).toBe(1.5)
    expect(counters.budget(120)).toBe(5)
    expect(counters.budget(10_000)).toBe(5)
  })

  it("counts as lost what had records and did not arrive: never more than was sent", () => {
    const counters = new Counters()
    for (const fate of ["delivered", "dropped", "damaged", "cut"] as const) {
      counters.count(seen("out", 0, WITH_DATA, fate))
      counters.count(seen("out", 0, SIGNAL, fate))
    }
    expect(counters.out).toMatchObject({ packets: 4, bytes: 40, lost: 3 })
    expect(counters.in).toMatchObject({ packets: 0, lost: 0 })
  })

  it("has the median of the round trips, and the last", () => {
    const counters = new Counters()
    expect(counters.medianRoundTripMs).toBeUndefined()
    for (const tookMs of [5, 1, 30]) counters.roundTrip(tookMs)
    expect(counters).toMatchObject({ roundTripCount: 3, lastRoundTripMs: 30, medianRoundTripMs: 5 })
  })
})
