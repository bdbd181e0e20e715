// The time of the page's simulated system: it stops exactly where something happens, and looks at nothing in between.

import { describe, expect, it } from "vitest"
import { PacedClock } from "../../host/web/src/bench/paced-clock.js"

describe("PacedClock", () => {
  it("goes from timer to timer, however far they are apart", async () => {
    const clock = new PacedClock()
    const seen: number[] = []
    for (const atMs of [1, 5.3, 5.3, 40]) clock.schedule(atMs, () => seen.push(clock.now()))
    let steps = 0
    const isThere = () => {
      steps++
      return seen.length === 4
    }
    expect(await clock.runUntil(isThere, 1000)).toBe(true)
    expect(seen).toEqual([1, 5.3, 5.3, 40])
    expect(clock.now()).toBe(40)
    // 1, 5.3, then 10 ms at a time
    expect(steps).toBe(7)
  })

  it("stops at the moment at which what was waited for is there", async () => {
    const clock = new PacedClock()
    let isThere = false
    clock.schedule(5.3, () => {
      isThere = true
    })
    clock.schedule(5.4, () => {
      isThere = false
    })
    expect(await clock.runUntil(() => isThere, 1000)).toBe(true)
    expect(clock.now()).toBe(5.3)
  })

  it("gives up at its limit, with timers and without", async () => {
    const clock = new PacedClock()
    expect(await clock.runUntil(() => false, 25)).toBe(false)
    expect(clock.now()).toBe(25)
    clock.schedule(100, () => {})
    expect(await clock.runUntil(() => false, 25)).toBe(false)
    expect(clock.now()).toBe(50)
  })
})
