// Time. Everything gets it from a clock that is passed in, so that tests run in virtual time and nothing in them
// sleeps.

/** A pending timer. */
export interface Timer {
  /** Makes sure that the callback is not called any more. */
  cancel(): void
}

export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number
  /** Calls back once after `delayMs`. */
  schedule(delayMs: number, callback: () => void): Timer
}

/** The longest single wait of a timer. */
const SLICE_MS = 100

/**
 * The machine's own time. A process may be stopped for seconds (a computer that sleeps, or is busy), and then its
 * timers run out before it reads what arrived meanwhile. So a long wait is made of short ones, and a short one that
 * ends late counts only its own length. An answer that has arrived is then read before the time is up.
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  schedule: (delayMs, callback) => scheduleInSlices(delayMs, callback, () => {}),
}

/** The machine's own time, whose timers do not keep the process running. Only in Node. */
export const backgroundClock: Clock = {
  now: systemClock.now,
  schedule: (delayMs, callback) => scheduleInSlices(delayMs, callback, (handle) => handle.unref()),
}

type Timeout = ReturnType<typeof setTimeout>

function scheduleInSlices(delayMs: number, callback: () => void, onWait: (handle: Timeout) => void): Timer {
  let leftMs = delayMs
  let handle: Timeout
  const wait = () => {
    // the last slice is not tiny: Node would round it up to 1 ms
    const sliceMs = leftMs < 2 * SLICE_MS ? leftMs : SLICE_MS
    leftMs -= sliceMs
    handle = setTimeout(leftMs > 0 ? wait : callback, sliceMs)
    onWait(handle)
  }
  wait()
  return { cancel: () => clearTimeout(handle) }
}

/** Settles after `delayMs` of the given clock. */
export function delay(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.schedule(delayMs, resolve)
  })
}

/** How long `VirtualClock.run` waits for work that is not a timer. */
const OUTSIDE_WORK_MS = 5000

interface VirtualTimer {
  readonly dueMs: number
  readonly order: number
  readonly callback: () => void
}

/**
 * Virtual time: it stands still until it is advanced, which calls the timers in the order in which they are due.
 * Promise callbacks run between two timers, as they do in real time.
 *
 * @example
 * ```ts
 * import { VirtualClock } from "virtio-msg"
 *
 * const clock = new VirtualClock()
 * clock.schedule(5000, () => console.log("five seconds later"))
 * await clock.advance(5000) // at once
 * console.log(clock.now()) // 5000
 * ```
 */
export class VirtualClock implements Clock {
  #nowMs: number
  #order = 0
  #timers: VirtualTimer[] = []

  constructor(startMs = 0) {
    this.#nowMs = startMs
  }

  now(): number {
    return this.#nowMs
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback }
    this.#timers.push(timer)
    return {
      cancel: () => {
        const at = this.#timers.indexOf(timer)
        if (at >= 0) this.#timers.splice(at, 1)
      },
    }
  }

  /** How many timers wait. */
  get pendingCount(): number {
    return this.#timers.length
  }

  /** When the next timer is due. Infinity while none waits. */
  get nextDueMs(): number {
    return this.#timers.reduce((least, { dueMs }) => Math.min(least, dueMs), Number.POSITIVE_INFINITY)
  }

  /** Lets `durationMs` pass. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs
    await settlePromises()
    while (this.#runNext(endMs)) await settlePromises()
    this.#nowMs = Math.max(this.#nowMs, endMs)
  }

  /**
   * Lets time pass until `promise` settles, and returns its value. Throws if that takes more than `limitMs`. While no
   * timer is left, real work elsewhere (WebAssembly that is compiled) gets 5 real seconds.
   */
  async run<T>(promise: Promise<T>, limitMs = 60_000): Promise<T> {
    const endMs = this.#nowMs + limitMs
    let isSettled = false
    const settled = () => {
      isSettled = true
    }
    promise.then(settled, settled)
    await settlePromises()
    let giveUpMs = performance.now() + OUTSIDE_WORK_MS
    while (!isSettled) {
      if (this.#runNext(endMs)) giveUpMs = performance.now() + OUTSIDE_WORK_MS
      else if (this.#timers.length > 0)
        throw new Error(`the promise has not settled in ${limitMs} virtual ms`)
      else if (performance.now() > giveUpMs)
        throw new Error("the promise has not settled, and no timer is left")
      await settlePromises()
    }
    return promise
  }

  /** Runs the next timer if it is due by `endMs`. */
  #runNext(endMs: number): boolean {
    let next: VirtualTimer | undefined
    for (const timer of this.#timers)
      if (!next || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order))
        next = timer
    if (!next || next.dueMs > endMs) return false
    this.#timers.splice(this.#timers.indexOf(next), 1)
    this.#nowMs = Math.max(this.#nowMs, next.dueMs)
    next.callback()
    return true
  }
}

/** Lets all promise callbacks run that are ready, and those that become ready by them. */
function settlePromises(): Promise<void> {
  return new Promise(nextTurn)
}

/** Calls back in the next turn of the event loop. Node has a function for that; in a browser a message does it. */
const nextTurn: (callback: () => void) => void =
  (globalThis as { setImmediate?: (callback: () => void) => void }).setImmediate ?? makeMessageTurn()

function makeMessageTurn(): (callback: () => void) => void {
  const { port1, port2 } = new MessageChannel()
  const waiting: (() => void)[] = []
  port1.addEventListener("message", () => waiting.shift()?.())
  port1.start()
  return (callback) => {
    waiting.push(callback)
    port2.postMessage(undefined)
  }
}
