// The simulated system's time: virtual, moved on by the real one at a chosen speed, so that it can be slowed down,
// stopped and taken step by step. Board, cable and driver all run on it, and so stop together.

import { type Clock, type Timer, VirtualClock } from "../../../src/clock.js"

/** How often the real time is looked at. */
const TICK_MS = 12
/** A page that was in the background does not make up for what it missed. */
const LONGEST_TICK_MS = 60
/** How finely time moves: a pause takes effect between two of these. */
const SLICE_MS = 0.5

export class PacedClock implements Clock {
  /** Virtual milliseconds in a real one. */
  speed = 1

  readonly #virtual = new VirtualClock()
  readonly #realNow: () => number
  #isPaused = false
  #isStopped = false
  #ticker: ReturnType<typeof setTimeout> | undefined
  #lastMs = 0
  /** What moves the clock at present: it is moved by one at a time. */
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

  /** Lets time run with the real one. */
  start(): void {
    if (this.#isStopped) return
    this.#isPaused = false
    this.#lastMs = this.#realNow()
    this.#ticker ??= setTimeout(() => this.#tick(), TICK_MS)
  }

  /** Stops time. Resolves when the slice that was on its way has passed, and nothing moves any more. */
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
   * Pauses, then lets time pass as fast as it goes until `isThere` says so, at most `limitMs`. Resolves with
   * whether it came to that.
   */
  runUntil(isThere: () => boolean, limitMs: number): Promise<boolean> {
    this.pause()
    const run = this.#moving.then(async () => {
      const endMs = this.now() + limitMs
      while (!isThere()) {
        if (this.#isStopped || this.now() >= endMs) return false
        await this.#virtual.advance(SLICE_MS)
      }
      return true
    })
    this.#moving = run
    return run
  }

  #tick(): void {
    const nowMs = this.#realNow()
    const passedMs = Math.min(nowMs - this.#lastMs, LONGEST_TICK_MS) * this.speed
    this.#lastMs = nowMs
    this.#moving = this.#moving.then(async () => {
      const endMs = this.now() + passedMs
      while (!this.#isPaused && this.now() < endMs)
        await this.#virtual.advance(Math.min(SLICE_MS, endMs - this.now()))
      if (this.#isPaused) return
      clearTimeout(this.#ticker) // it was paused and started again meanwhile
      this.#ticker = setTimeout(() => this.#tick(), TICK_MS)
    })
  }
}
