// How many requests may be in flight at once: as many as the device can keep answers for. Further requests wait here,
// in order. So a caller that asks too fast is slowed down, and nothing piles up in the mailbox.

import type { Clock, Timer } from "../clock.js"
import { VirtioMsgError } from "../errors.js"

/** As many answers of usual length as a device keeps (DEVICE_WAITING_BYTES). With more it would refuse our packets. */
const LIMIT = 32

interface Waiting {
  readonly enter: () => void
  readonly reject: (error: VirtioMsgError) => void
  readonly timer: Timer
}

export class RequestGate {
  readonly #clock: Clock
  readonly #waiting: Waiting[] = []
  #inside = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes a place if there is one. Each place has to be given back with `leave`. */
  tryEnter(): boolean {
    if (this.#inside >= LIMIT) return false
    this.#inside++
    return true
  }

  /** Waits for a place, at most `timeoutMs`; rejects with TIMEOUT, or with what `refuse` is called with. */
  enter(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.schedule(timeoutMs, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(
          new VirtioMsgError(
            "TIMEOUT",
            `${LIMIT} requests are in flight, and none ended in ${timeoutMs} ms.`,
            {
              hint: "Ask less at once, or allow more time.",
            },
          ),
        )
      })
      const waiting = { enter: resolve, reject, timer }
      this.#waiting.push(waiting)
    })
  }

  /** Gives a place back. Whoever has waited longest gets it. */
  leave(): void {
    const next = this.#waiting.shift()
    if (!next) {
      this.#inside--
      return
    }
    next.timer.cancel()
    next.enter()
  }

  /** Refuses all who wait: nothing of theirs was sent. */
  refuse(error: VirtioMsgError): void {
    for (const { reject, timer } of this.#waiting.splice(0)) {
      timer.cancel()
      reject(error.asUnexecuted())
    }
  }
}
