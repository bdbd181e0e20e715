// The time limit of a queue: exact, however often it is set, and with one timer for many calls.

import { beforeEach, describe, expect, it } from "vitest"
import { VirtualClock } from "../../host/src/clock.js"
import { Watchdog } from "../../host/src/driver/watchdog.js"

const LIMIT_MS = 1000

let clock: VirtualClock
let timerCount: number
let timeouts: [atMs: number, limitMs: number][]
let watchdog: Watchdog

beforeEach(() => {
  clock = new VirtualClock()
  timerCount = 0
  timeouts = []
  const counting = {
    now: () => clock.now(),
    schedule: (delayMs: number, callback: () => void) => {
      timerCount++
      return clock.schedule(delayMs, callback)
    },
  }
  watchdog = new Watchdog(counting, (limitMs) => timeouts.push([clock.now(), limitMs]))
})

describe("a watchdog", () => {
  it("tells once, when the limit has passed since it was set last", async () => {
    for (const waitMs of [300, 900, 1, 999]) {
      watchdog.watch(LIMIT_MS)
      await clock.advance(waitMs)
    }
    const setMs = clock.now()
    watchdog.watch(LIMIT_MS)
    await clock.advance(5 * LIMIT_MS)
    expect(timeouts).toEqual([[setMs + LIMIT_MS, LIMIT_MS]])
    expect(clock.pendingCount).toBe(0)
  })

  it("makes one timer for many calls, and none that stays", async () => {
    for (let call = 0; call < 1000; call++) {
      watchdog.watch(LIMIT_MS)
      await clock.advance(1)
      watchdog.rest()
    }
    expect(timerCount).toBeLessThanOrEqual(2)
    await clock.advance(LIMIT_MS)
    expect([timeouts, clock.pendingCount]).toEqual([[], 0])
  })

  it("takes up a limit that is longer or shorter than before", async () => {
    watchdog.watch(LIMIT_MS)
    watchdog.watch(10)
    await clock.advance(10)
    watchdog.watch(10)
    watchdog.watch(LIMIT_MS)
    await clock.advance(2 * LIMIT_MS)
    expect(timeouts).toEqual([
      [10, 10],
      [10 + LIMIT_MS, LIMIT_MS],
    ])
  })

  it("leaves no timer when it is stopped, and can be set again", async () => {
    watchdog.watch(LIMIT_MS)
    watchdog.stop()
    expect(clock.pendingCount).toBe(0)
    watchdog.watch(LIMIT_MS)
    await clock.advance(LIMIT_MS)
    expect(timeouts).toHaveLength(1)
  })

  it("does not count the time for which the process was stopped", () => {
    let nowMs = 0
    const timers: { delayMs: number; callback: () => void }[] = []
    const stoppable = {
      now: () => nowMs,
      schedule: (delayMs: number, callback: () => void) => {
        timers.push({ delayMs, callback })
        return { cancel: () => {} }
      },
    }
    let isTimeout = false
    const stopped = new Watchdog(stoppable, () => {
      isTimeout = true
    })
    stopped.watch(LIMIT_MS)
    nowMs = 400
    stopped.watch(LIMIT_MS)
    nowMs = 60_000 // the timer ends late, and what has arrived has not been read
    timers[0]?.callback()
    expect([isTimeout, timers[1]?.delayMs]).toEqual([false, 400])
    timers[1]?.callback()
    expect(isTimeout).toBe(true)
  })
})
