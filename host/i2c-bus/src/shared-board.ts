// One board, shared by all users in this process who opened its port. This thread owns it until somebody calls a Sync
// method. From then on a thread of its own owns it, whose event loop runs while ours is blocked.

import { makeError } from "./errno.js"
import { LocalBoard } from "./local-board.js"
import type { Outcome, Request } from "./request.js"
import { ThreadBoard } from "./thread-board.js"
import { translateError } from "./translate-error.js"

/** How long a board's thread tries to open a port that this thread is leaving. */
const PATIENCE_MS = 5000

interface Unsent {
  readonly requests: readonly Request[]
  readonly resolve: (outcomes: Outcome[] | Promise<Outcome[]>) => void
  readonly reject: (error: unknown) => void
}

export class SharedBoard {
  userCount = 0
  /** Resolves when the board is open. Rejects with an error of virtio-msg. */
  readonly opened: Promise<void>
  readonly #port: string
  #local: LocalBoard | undefined
  #thread: ThreadBoard | undefined
  #isOpeningLocally = false
  /** The calls of this turn of the event loop. They travel together. */
  #unsent: Unsent[] = []

  /** `previous` settles when the board that had the port before is closed. */
  constructor(port: string, previous?: Promise<void>) {
    this.#port = port
    this.opened = this.#open(previous)
    this.opened.catch(() => {}) // the next caller is told
  }

  /** Sends requests to the board together, after all earlier calls. Rejects with an error of i2c-bus. */
  async submit(syscall: string, requests: readonly Request[]): Promise<Outcome[]> {
    try {
      if (this.#thread) return await this.#thread.submit(requests)
      return await new Promise<Outcome[]>((resolve, reject) => {
        this.#unsent.push({ requests, resolve, reject })
        if (this.#unsent.length > 1) return
        this.opened.then(
          () => process.nextTick(() => this.#sendUnsent()),
          (error) => this.#refuseUnsent(error),
        )
      })
    } catch (error) {
      throw translateError(error, syscall)
    }
  }

  /** As `submit`, but blocks this thread. */
  submitSync(syscall: string, requests: readonly Request[]): Outcome[] {
    const thread = this.toThread(syscall)
    try {
      return thread.submitSync(syscall, requests)
    } catch (error) {
      throw translateError(error, syscall)
    }
  }

  /** Moves the board to a thread of its own, and blocks until it is open there. Throws an error of i2c-bus. */
  toThread(syscall: string): ThreadBoard {
    if (!this.#thread) {
      if (this.#isOpeningLocally)
        throw makeError("EBUSY", syscall, "the bus is still being opened: wait for the callback of open.")
      this.#thread = new ThreadBoard(this.#port, PATIENCE_MS)
      this.#leaveLocal()
      for (const call of this.#unsent.splice(0)) call.resolve(this.#thread.submit(call.requests))
    }
    try {
      this.#thread.openSync()
    } catch (error) {
      throw translateError(error, "open")
    }
    return this.#thread
  }

  /** Closes the board. Calls in flight reject with EBADF. */
  async close(): Promise<void> {
    this.#refuseUnsent(closed())
    await this.opened.catch(() => {})
    await (this.#thread?.close() ?? this.#local?.leave(closed()))
  }

  /** As `close`. A board in a thread of its own is closed when this returns: it can be opened again at once. */
  closeSync(): Promise<void> {
    if (!this.#thread) return this.close()
    this.#thread.closeSync()
    return Promise.resolve()
  }

  /** Begins in the next turn of the event loop: if a Sync method is called in this turn, this thread opens no board. */
  async #open(previous: Promise<void> | undefined): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    await previous
    if (this.#thread) return this.#thread.opened
    if (isSimulated(this.#port)) {
      // a simulated board needs computing time, and starts anew when it is opened again: it never changes threads
      this.#thread = new ThreadBoard(this.#port, 0)
      for (const call of this.#unsent.splice(0)) call.resolve(this.#thread.submit(call.requests))
      return this.#thread.opened
    }
    this.#isOpeningLocally = true
    try {
      this.#local = await LocalBoard.open(this.#port)
    } finally {
      this.#isOpeningLocally = false
    }
  }

  #sendUnsent(): void {
    const local = this.#local
    for (const { requests, resolve } of this.#unsent.splice(0)) if (local) resolve(local.submit(requests))
  }

  #refuseUnsent(error: Error): void {
    for (const { reject } of this.#unsent.splice(0)) reject(error)
  }

  #leaveLocal(): void {
    const meanwhile = "a Sync method was called while this call was in flight: it may have run."
    this.#local?.leave(makeError("EIO", "submit", meanwhile)).catch(() => {})
    this.#local = undefined
  }
}

/** Whether the board is simulated in the process. */
function isSimulated(port: string): boolean {
  return port === "sim" || port.startsWith("sim:")
}

function closed(): Error {
  return makeError("EBADF", "close", "the bus was closed.")
}
