// The time of the simulated system. It is virtual, and follows real time at a chosen speed. It can be slowed down,
// stopped, and moved step by step. Board, cable and driver all run on it, so they stop together.

import { type Clock, type Timer, VirtualClock } from "../../../src/clock.js"

/** How often real time is read. */
const TICK_MS = 12
/** A page that was in the background does not catch up on the time it missed. */
const LONGEST_TICK_MS = 60
/** Time moves from timer to timer, in steps of this length at most. A pause takes effect between two steps. */
const LONGEST_STEP_MS = 10

export class PacedClock implements Clock {
  /** Virtual milliseconds for each real one. */
  speed = 1

  readonly #virtual = new VirtualClock()
  readonly #realNow: () => number
  #isPaused = false
  #isStopped = false
  #ticker: ReturnType<typeof setTimeout> | undefined
  #lastMs = 0
  /** The present movement of the clock. Only one at a time moves it. */
  #moving: Promise<unknown> = Promise.resolve()

  constructor(realNow: () => number = () => performance.now()) {
    this.#realNow = realNow
  }

  now(): number {
    return this.#virtual.now()
  }

  schedule(delayMs: number, callback: () => void): Timer {
    return this.#virtual.schedule(delayMs, callback)
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Lets time run with real time. */
  start(): void {
    if (this.#isStopped) return
    this.#isPaused = false
    this.#lastMs = this.#realNow()
    this.#ticker ??= setTimeout(() => this.#tick(), TICK_MS)
  }

  /** Stops time. Resolves when the present slice has passed and nothing moves any more. */
  async pause(): Promise<void> {
    this.#isPaused = true
    clearTimeout(this.#ticker)
    this.#ticker = undefined
    await this.#moving
  }

  /** Stops time for good: nothing moves this clock any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.pause()
  }

  /**
   * Pauses, then lets time pass as fast as possible until `isThere` is true, for `limitMs` at most. Resolves with
   * whether it became true.
   */
  runUntil(isThere: () => boolean, limitMs: number): Promise<boolean> {
    this.pause()
    const run = this.#moving.then(async () => {
      const endMs = this.now() + limitMs
      while (!isThere()) {
        if (this.#isStopped || this.now() >= endMs) return false
        await this.#advance(endMs)
      }
      return true
    })
    this.#moving = run
    return run
  }

  /** One step towards `endMs`. Most steps would find nothing to do if they were as short as the shortest timer. */
  #advance(endMs: number): Promise<void> {
    const stepMs = Math.min(this.#virtual.nextDueMs, endMs) - this.now()
    return this.#virtual.advance(Math.max(0, Math.min(stepMs, LONGEST_STEP_MS)))
  }

  #tick(): void {
    const nowMs = this.#realNow()
    const passedMs = Math.min(nowMs - this.#lastMs, LONGEST_TICK_MS) * this.speed
    this.#lastMs = nowMs
    this.#moving = this.#moving.then(async () => {
      const endMs = this.now() + passedMs
      while (!this.#isPaused && this.now() < endMs) await this.#advance(endMs)
      if (this.#isPaused) return
      clearTimeout(this.#ticker) // the clock was paused and started again meanwhile
      this.#ticker = setTimeout(() => this.#tick(), TICK_MS)
    })
  }
}
