// From a bus number to a board: finds its port, and shares one connection among all who open it. As with i2c-bus, a
// connection keeps the process running only while a call is in flight.

import { makeError } from "./errno.js"
import type { Transaction } from "./request.js"
import { SharedBoard } from "./shared-board.js"
import { translateError } from "./translate-error.js"

const boards = new Map<string, SharedBoard>()
/** Boards that are being closed. A serial port can be opened again only after that. */
const closing = new Map<string, Promise<void>>()

/** The port of bus `busNumber`: VIRTIO_MSG_PORT_<number>, else VIRTIO_MSG_PORT, else auto. */
export function portOf(busNumber: number): string {
  return process.env[`VIRTIO_MSG_PORT_${busNumber}`] || process.env.VIRTIO_MSG_PORT || "auto"
}

/** The state of one `open`. */
export class Connection {
  /** Settles when the bus is open, or rejects with an error of i2c-bus. */
  readonly opened: Promise<void>
  readonly #port: string
  readonly #board: SharedBoard
  #isClosed = false

  constructor(busNumber: number) {
    this.#port = portOf(busNumber)
    let board = boards.get(this.#port)
    if (!board) {
      board = new SharedBoard(this.#port, closing.get(this.#port))
      boards.set(this.#port, board)
    }
    board.userCount++
    this.#board = board
    this.opened = whileRunning(board.opened).catch((error) => {
      this.#forget()
      throw translateError(error, "open")
    })
    this.opened.catch(() => {}) // the next caller is told
  }

  /** Blocks until the bus is open. Throws an error of i2c-bus. */
  openSync(): void {
    try {
      this.#board.toThread("open")
    } catch (error) {
      this.#forget()
      throw error
    }
  }

  /** Rejects with an error of i2c-bus. */
  async run<T>({ syscall, requests, finish }: Transaction<T>): Promise<T> {
    this.#checkOpen(syscall)
    if (requests.length === 0) {
      await this.opened
      return finish([])
    }
    try {
      return finish(await whileRunning(this.#board.submit(syscall, requests)))
    } catch (error) {
      await this.opened // if it could not be opened, the caller gets that error
      throw error
    }
  }

  /** As `run`, but blocks. */
  runSync<T>({ syscall, requests, finish }: Transaction<T>): T {
    this.#checkOpen(syscall)
    if (requests.length > 0) return finish(this.#board.submitSync(syscall, requests))
    this.#board.toThread(syscall)
    return finish([])
  }

  /** Closes this connection. The last one to close also closes the board; calls in flight then reject with EBADF. */
  async close(): Promise<void> {
    await this.#leave((board) => board.close())
  }

  closeSync(): void {
    this.#leave((board) => board.closeSync())?.catch(() => {})
  }

  #leave(close: (board: SharedBoard) => Promise<void>): Promise<void> | undefined {
    this.#checkOpen("close")
    this.#isClosed = true
    if (--this.#board.userCount > 0) return undefined
    this.#forget()
    const done = close(this.#board).finally(() => {
      if (closing.get(this.#port) === done) closing.delete(this.#port)
    })
    closing.set(this.#port, done)
    return whileRunning(done)
  }

  #checkOpen(syscall: string): void {
    if (this.#isClosed) throw makeError("EBADF", syscall, "the bus was closed.")
  }

  #forget(): void {
    if (boards.get(this.#port) === this.#board) boards.delete(this.#port)
  }
}

let runningCount = 0
let keepRunning: NodeJS.Timeout | undefined
const LONGEST_MS = 0x7fffffff

/** Keeps the process running until `work` settles. The connection alone does not do that. */
async function whileRunning<T>(work: Promise<T>): Promise<T> {
  if (runningCount++ === 0) keepRunning = setInterval(() => {}, LONGEST_MS)
  try {
    return await work
  } finally {
    if (--runningCount === 0) clearInterval(keepRunning)
  }
}
