// From a bus number to a board: which port it is, one connection for all who open it, and a process that keeps
// running exactly while a call is in flight, as with i2c-bus.

import type { I2cAdapter, I2cOutcome, I2cRequest, OpenedBus } from "virtio-msg" with {
  "resolution-mode": "import",
}
import { makeError, translateError } from "./errno.js"

/** One board, shared by everybody in this process who opened it. */
interface Board {
  readonly opening: Promise<{ bus: OpenedBus; adapter: I2cAdapter }>
  userCount: number
}

const boards = new Map<string, Board>()
/** Boards that are being closed: a serial port cannot be opened again before. */
const closing = new Map<string, Promise<void>>()

/** The port of bus `busNumber`: VIRTIO_MSG_PORT_<number>, else VIRTIO_MSG_PORT, else auto. */
export function portOf(busNumber: number): string {
  return process.env[`VIRTIO_MSG_PORT_${busNumber}`] || process.env.VIRTIO_MSG_PORT || "auto"
}

/** What one `open` holds. */
export class Connection {
  /** Settles when the bus is open, or rejects with an error of i2c-bus. */
  readonly opened: Promise<void>
  readonly #port: string
  readonly #board: Board
  #isClosed = false

  constructor(busNumber: number) {
    this.#port = portOf(busNumber)
    let board = boards.get(this.#port)
    if (!board) {
      board = { opening: openBoard(this.#port), userCount: 0 }
      boards.set(this.#port, board)
    }
    board.userCount++
    this.#board = board
    this.opened = whileRunning(board.opening).then(
      () => {},
      (error) => {
        this.#forget()
        throw translateError(error, "open")
      },
    )
    this.opened.catch(() => {}) // whoever calls next hears of it
  }

  /**
   * Hands requests to the board together; resolves with their outcomes. Rejects with an error of i2c-bus that
   * names `syscall` when there is no telling.
   */
  async submit(syscall: string, requests: readonly I2cRequest[]): Promise<I2cOutcome[]> {
    if (this.#isClosed) throw makeError("EBADF", syscall, "the bus was closed.")
    await this.opened
    try {
      const { adapter } = await this.#board.opening
      return await whileRunning(Promise.all(adapter.submit(requests)))
    } catch (error) {
      throw translateError(error, syscall)
    }
  }

  /** Gives the board back; the last one to do so closes it. Calls in flight then reject. */
  async close(): Promise<void> {
    if (this.#isClosed) throw makeError("EBADF", "close", "the bus was closed before.")
    this.#isClosed = true
    if (--this.#board.userCount > 0) return
    this.#forget()
    const done = this.#board.opening.then(
      ({ bus }) => bus.close(),
      () => {},
    )
    closing.set(this.#port, done)
    await whileRunning(done)
    if (closing.get(this.#port) === done) closing.delete(this.#port)
  }

  #forget(): void {
    if (boards.get(this.#port) === this.#board) boards.delete(this.#port)
  }
}

async function openBoard(port: string): Promise<{ bus: OpenedBus; adapter: I2cAdapter }> {
  await closing.get(port)
  const { openBus } = await importVirtioMsg()
  const bus = await openBus({
    port,
    isBackground: true,
    // a simulated reading that passes for a real one would be worse than none
    onChoice: (choice) => process.emitWarning(choice, { code: "VIRTIO_MSG_PORT" }),
  })
  try {
    return { bus, adapter: await bus.i2c() }
  } catch (error) {
    await bus.close()
    throw error
  }
}

async function importVirtioMsg() {
  try {
    return await import("virtio-msg") // an ES module, which CommonJS can only get this way
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error
    throw makeError(
      "ENOSYS",
      "open",
      "the package virtio-msg is not installed: npm install virtio-msg",
      error,
    )
  }
}

let runningCount = 0
let keepRunning: NodeJS.Timeout | undefined
const LONGEST_MS = 0x7fffffff

/** Keeps the process running until `work` settles: the connection by itself does not. */
async function whileRunning<T>(work: Promise<T>): Promise<T> {
  if (runningCount++ === 0) keepRunning = setInterval(() => {}, LONGEST_MS)
  try {
    return await work
  } finally {
    if (--runningCount === 0) clearInterval(keepRunning)
  }
}
