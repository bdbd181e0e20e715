// The board's console for a guest: bytes between it and a Unix socket on which QEMU listens, the back end of a
// virtio-serial port. When one side is slow, the other has to wait. Nothing is lost between the two.

import { connect, type Socket } from "node:net"
import { type Clock, delay, systemClock, type Timer } from "../clock.js"
import type { ConsolePort } from "../driver/console-port.js"
import { VirtioMsgError } from "../errors.js"
import { checkSocketPlace } from "./listening-place.js"

const RETRY_MS = 100

export class ConsoleBridge {
  readonly #port: ConsolePort
  readonly #socketPath: string
  readonly #clock: Clock
  #socket: Socket | undefined
  #retry: Timer | undefined
  #isClosed = false

  constructor(port: ConsolePort, socketPath: string, clock: Clock = systemClock) {
    this.#port = port
    this.#socketPath = socketPath
    this.#clock = clock
  }

  /**
   * Carries bytes as soon as QEMU is there, and again whenever it or the board comes back. Throws INVALID_ARGUMENT or
   * SYSTEM_FAILED if there can be no socket at the path.
   */
  start(): void {
    checkSocketPlace(this.#socketPath, false)
    this.#connect()
    void this.#carryOutput()
  }

  close(): void {
    this.#isClosed = true
    this.#retry?.cancel()
    this.#socket?.destroy()
  }

  #connect(): void {
    const socket = connect(this.#socketPath)
    socket.on("error", () => {}) // "close" follows
    socket.on("connect", () => {
      this.#socket = socket
    })
    socket.on("data", (bytes) => {
      socket.pause()
      // a board that has gone needs no more input
      this.#port
        .write(bytes)
        .catch(() => {})
        .finally(() => socket.resume())
    })
    socket.on("close", () => {
      this.#socket = undefined
      if (!this.#isClosed) this.#retry = this.#clock.schedule(RETRY_MS, () => this.#connect())
    })
  }

  async #carryOutput(): Promise<void> {
    while (!this.#isClosed) {
      try {
        for await (const bytes of this.#port) await this.#send(bytes)
        return // the bus was closed
      } catch (error) {
        if (!(error instanceof VirtioMsgError)) throw error
        if (error.code === "DEVICE_REMOVED") return
        await delay(this.#clock, RETRY_MS)
      }
    }
  }

  /** Waits for QEMU, if it is not there, and until it has taken the bytes. */
  async #send(bytes: Uint8Array): Promise<void> {
    while (!this.#socket && !this.#isClosed) await delay(this.#clock, RETRY_MS)
    const socket = this.#socket
    if (!socket || socket.write(bytes)) return
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off("drain", done)
        socket.off("close", done)
        resolve()
      }
      socket.on("drain", done)
      socket.on("close", done)
    })
  }
}
