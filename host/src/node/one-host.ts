// One host at a time has a board behind a socket, as with a serial port: who comes second is told, and the first goes on.

import type net from "node:net"
import { BOARD_IN_USE_LINE } from "../link/stream-port.js"

/** A host that ends, and the next that comes at once, are seen in any order: so long the next waits. */
const HANDOVER_MS = 300
/** A host whose computer is gone without a word is asked for after so long, and has lost the board 10 s later. */
const KEEP_ALIVE_MS = 10_000

export class OneHost {
  readonly #attach: (socket: net.Socket) => () => void
  readonly #onRefused: () => void
  #current: net.Socket | undefined
  /** Those that wait whether the board becomes free, the first first. */
  readonly #waiting = new Set<net.Socket>()

  /** `attach` connects a host to the board, and returns what undoes it. */
  constructor(attach: (socket: net.Socket) => () => void, onRefused: () => void) {
    this.#attach = attach
    this.#onRefused = onRefused
  }

  take(socket: net.Socket): void {
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on("error", () => {})
    if (!this.#current) {
      this.#have(socket)
      return
    }
    this.#waiting.add(socket) // what it sends meanwhile stays with the kernel
    const limit = setTimeout(() => {
      // a busy process sees its time-outs first: what ended meanwhile has two turns to be seen
      setImmediate(() => setImmediate(() => this.#refuse(socket)))
    }, HANDOVER_MS)
    socket.once("close", () => {
      clearTimeout(limit)
      this.#waiting.delete(socket)
    })
  }

  close(): void {
    const all = [...this.#waiting, this.#current]
    this.#waiting.clear()
    for (const socket of all) socket?.destroy()
  }

  #have(socket: net.Socket): void {
    this.#current = socket
    const detach = this.#attach(socket)
    socket.once("close", () => {
      detach()
      this.#current = undefined
      const [next] = this.#waiting
      if (!next) return
      this.#waiting.delete(next)
      this.#have(next)
    })
  }

  #refuse(socket: net.Socket): void {
    if (!this.#waiting.delete(socket)) return // it has the board by now, or is gone
    this.#onRefused()
    socket.resume() // else its end is never seen
    socket.end(`${BOARD_IN_USE_LINE}\n`)
  }
}
