// A board that a thread of its own talks to (board-thread.ts). This thread can wait for it with promises, or block.
// Answers to calls with promises that arrive while it blocks are kept for the event loop.

import path from "node:path"
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads"
import { type Answer, type Call, fromPlain, OPENED, type ThreadData } from "./board-messages.js"
import { makeError } from "./errno.js"
import type { Outcome, Request } from "./request.js"

/** Longer than opening, closing or a call ever waits. Only a defect takes more time. */
const SYNC_LIMIT_MS = 20_000

interface Waiting {
  readonly resolve: (outcomes: Outcome[]) => void
  readonly reject: (error: Error) => void
}

export class ThreadBoard {
  /** Rejects with an error of virtio-msg. */
  readonly opened: Promise<void>
  readonly #port: string
  readonly #channel: MessagePort
  readonly #signal = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))
  readonly #waiting = new Map<number, Waiting>()
  #isOpen = false
  /** Why no more answers will come. */
  #endedBy: Error | undefined
  #lastId = OPENED

  /** Starts the thread, which opens `port` and tries again for up to `patienceMs`. */
  constructor(port: string, patienceMs: number) {
    this.#port = port
    const { port1, port2 } = new MessageChannel()
    this.#channel = port1
    const data: ThreadData = {
      port,
      channel: port2,
      signal: this.#signal.buffer as SharedArrayBuffer,
      patienceMs,
    }
    const worker = new Worker(path.join(__dirname, "board-thread.js"), {
      workerData: data,
      transferList: [port2],
      execArgv: [], // the thread does not preload what the program preloads
    })
    this.opened = this.#answerTo(OPENED).then(() => {})
    this.opened.catch(() => {}) // whoever calls next hears of it
    port1.on("message", (answer: Answer) => this.#deliver(answer))
    worker.on("error", (error) => this.#end(error))
    worker.on("exit", () => {
      for (let got = this.#receive(); got; got = this.#receive()) this.#deliver(got) // answers from before its end
      this.#end(makeError("ENODEV", "open", "the board's thread has ended."))
    })
    // the port does not keep the process running; a caller who waits does
    port1.unref()
    worker.unref()
  }

  submit(requests: readonly Request[]): Promise<Outcome[]> {
    return this.#answerTo(this.#post({ requests }))
  }

  async close(): Promise<void> {
    await this.#answerTo(this.#post({}))
  }

  /** As `opened`, but blocks, and throws. */
  openSync(): void {
    if (!this.#isOpen) this.#waitFor(OPENED, "open")
  }

  submitSync(syscall: string, requests: readonly Request[]): Outcome[] {
    this.openSync()
    return this.#waitFor(this.#post({ requests }), syscall)
  }

  closeSync(): void {
    this.#waitFor(this.#post({}), "close")
  }

  #post(call: Omit<Call, "id">): number {
    if (this.#endedBy) throw this.#endedBy
    const id = ++this.#lastId
    this.#channel.postMessage({ id, ...call })
    return id
  }

  #answerTo(id: number): Promise<Outcome[]> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  /** Blocks this thread until call `id` is answered. */
  #waitFor(id: number, syscall: string): Outcome[] {
    const giveUpMs = performance.now() + SYNC_LIMIT_MS
    for (;;) {
      if (this.#endedBy) throw this.#endedBy
      const seen = Atomics.load(this.#signal, 0)
      for (let got = this.#receive(); got; got = this.#receive()) {
        this.#deliver(got)
        if (got.id !== id) continue
        if (got.error) throw fromPlain(got.error)
        return [...(got.outcomes ?? [])]
      }
      if (Atomics.load(this.#signal, 1) === 1)
        throw makeError("ENODEV", syscall, "the board's thread has ended.")
      const leftMs = giveUpMs - performance.now()
      if (leftMs <= 0) {
        const waited = `${this.#port} did not answer within ${SYNC_LIMIT_MS / 1000} s.`
        throw makeError("ETIMEDOUT", syscall, waited)
      }
      Atomics.wait(this.#signal, 0, seen, leftMs)
    }
  }

  #receive(): Answer | undefined {
    return receiveMessageOnPort(this.#channel)?.message
  }

  #deliver({ id, outcomes, error }: Answer): void {
    if (id === OPENED) this.#isOpen = error === undefined
    if (id === OPENED && error) this.#endedBy = fromPlain(error)
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error) waiting?.reject(fromPlain(error))
    else waiting?.resolve([...(outcomes ?? [])])
  }

  #end(error: Error): void {
    this.#endedBy ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
