// A time limit that is set anew with each call and hardly ever runs out. A timer that is made and cancelled for each
// call costs more than the rest of the queue's work. So the timer that runs is left to run: when it ends, it is made
// again for as long as the limit was put off meanwhile.

import type { Clock, Timer } from "../clock.js"

export class Watchdog {
  readonly #clock: Clock
  readonly #onTimeout: (limitMs: number) => void
  #limitMs = 0
  #isWatching = false
  /** When the limit was set last. */
  #setMs = 0
  #timer: Timer | undefined
  /** When the timer ends, if this process is not stopped meanwhile. */
  #timerEndsMs = 0

  constructor(clock: Clock, onTimeout: (limitMs: number) => void) {
    this.#clock = clock
    this.#onTimeout = onTimeout
  }

  /** `limitMs` may pass from now on, and no more. */
  watch(limitMs: number): void {
    if (limitMs !== this.#limitMs) this.stop()
    this.#limitMs = limitMs
    this.#isWatching = true
    this.#setMs = this.#clock.now()
    if (!this.#timer) this.#startTimer(limitMs)
  }

  /** There is no limit now. A timer may be left, which does nothing when it ends. */
  rest(): void {
    this.#isWatching = false
  }

  /** There is no limit now, and no timer is left. */
  stop(): void {
    this.#isWatching = false
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #startTimer(waitMs: number): void {
    this.#timerEndsMs = this.#clock.now() + waitMs
    this.#timer = this.#clock.schedule(waitMs, () => this.#timerEnded())
  }

  #timerEnded(): void {
    this.#timer = undefined
    if (!this.#isWatching) return
    // reckoned from when the timer should have ended: if the process was stopped, answers may wait to be read, and that
    // time is not the device's
    const leftMs = Math.min(this.#setMs + this.#limitMs - this.#timerEndsMs, this.#limitMs)
    if (leftMs > 0) this.#startTimer(leftMs)
    else {
      this.#isWatching = false
      this.#onTimeout(this.#limitMs)
    }
  }
}
