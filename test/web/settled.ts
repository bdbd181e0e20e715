// Waits on a bench's time for what also takes real time.

import type { PacedClock } from "../../host/web/src/bench/paced-clock.js"

/** What a bench may take in its own time, and what loading its runtime may take of ours. */
const LIMIT_MS = 20_000
const REAL_LIMIT_MS = 60_000

/**
 * Lets virtual time pass until the promise settles, and settles as it does. A busy computer takes longer to load the
 * runtime than all that virtual time takes: it passes again then. Throws when even that is not enough.
 */
export async function settled<T>(pace: PacedClock, promise: Promise<T>): Promise<T> {
  let isDone = false
  const done = () => {
    isDone = true
  }
  promise.then(done, done)
  const giveUpMs = performance.now() + REAL_LIMIT_MS
  while (!(await pace.runUntil(() => isDone, LIMIT_MS))) {
    if (performance.now() > giveUpMs) throw new Error("The bench has not come to an end.")
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return promise
}
