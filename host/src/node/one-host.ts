// A board behind a socket has one host at a time, as one on a serial port has. A second host is told so, and the first
// one is not disturbed.
import type net from "node:net"
import { BOARD_IN_USE_LINE } from "../link/stream-port.js"

/**
 * The end of one host, and the next host that comes at once, may be seen in any order. So the next host waits so long.
 */
const HANDOVER_MS = 300
/**
 * After so long without a word, a host's computer is asked whether it is still there. 10 s later the host has lost the
 * board.
 */
const KEEP_ALIVE_MS = 10_000

export class OneHost {
  readonly #attach: (socket: net.Socket) => () => void
  readonly #onRefused: () => void
  readonly #refusal: string | Uint8Array
  #current: net.Socket | undefined
  /** The hosts that wait for the board, oldest first. */
  readonly #waiting = new Set<net.Socket>()

  /**
   * `attach` connects a host to the board, and returns a function that undoes it. `refusal` is sent to a second host.
   * When absent, a line of log text says why.
   */
  constructor(
    attach: (socket: net.Socket) => () => void,
    onRefused: () => void,
    refusal: string | Uint8Array = `${BOARD_IN_USE_LINE}\n`,
  ) {
    this.#attach = attach
    this.#onRefused = onRefused
    this.#refusal = refusal
  }

  take(socket: net.Socket): void {
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on("error", () => {})
    if (!this.#current) {
      this.#have(socket)
      return
    }
    this.#waiting.add(socket) // until then, the kernel keeps what it sends
    const limit = setTimeout(() => {
      // a busy process sees its time-outs first, so an end that has come meanwhile gets two turns to be seen
      setImmediate(() => setImmediate(() => this.#refuse(socket)))
    }, HANDOVER_MS)
    socket.once("close", () => {
      clearTimeout(limit)
      this.#waiting.delete(socket)
    })
  }

  /** Ends the connection of the host that has the board. The next one may come. */
  disconnect(): void {
    this.#current?.destroy()
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
    if (!this.#waiting.delete(socket)) return // it has the board by now, or has gone
    this.#onRefused()
    socket.resume() // without reading, its end would never be seen
    socket.end(this.#refusal)
  }
}
