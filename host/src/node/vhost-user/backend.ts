// A vhost-user backend. It serves one virtio device to QEMU over a Unix socket. It connects to a socket on which QEMU
// listens (`-chardev socket,server=on`), and connects again when either side restarts: each may do so at any time.

import { type Clock, systemClock, type Timer } from "../../clock.js"
import { Emitter } from "../../emitter.js"
import { systemFailed, type VirtioMsgError } from "../../errors.js"
import { checkSocketPlace } from "../listening-place.js"
import type { VhostUserDevice } from "./device.js"
import { type Libc, loadLibc, SystemError } from "./libc.js"
import { VhostUserSession } from "./session.js"

const FIRST_RETRY_MS = 20
const LONGEST_RETRY_MS = 1000
/** Why a connection fails while QEMU does not listen. */
const WAITING = ["ENOENT", "ECONNREFUSED"]
/** A connection that lasted this long was a good one. The next attempt comes quickly again. */
const GOOD_CONNECTION_MS = 2000

export interface VhostUserBackendOptions {
  /** At most 107 bytes. */
  readonly socketPath: string
  readonly device: VhostUserDevice

  readonly clock?: Clock
}

export class VhostUserBackend {
  /** A front end has come or gone. */
  readonly onConnection = new Emitter<[isConnected: boolean]>()
  /** A front end broke the protocol and was disconnected, or a guest broke the device, which has stopped. */
  readonly onError = new Emitter<[error: VirtioMsgError]>()

  readonly #options: VhostUserBackendOptions
  readonly #clock: Clock

  #session: VhostUserSession | undefined

  #retry: Timer | undefined
  #retryMs = FIRST_RETRY_MS
  #connectedAtMs = 0
  #isClosed = false
  #isTold = false

  constructor(options: VhostUserBackendOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  get isConnected(): boolean {
    return this.#session !== undefined
  }

  /**
   * Starts serving. From then on front ends may come and go; `onConnection` tells. Rejects with MISSING_DEPENDENCY,
   * with INVALID_ARGUMENT for a path that is too long or no socket, and with SYSTEM_FAILED if there is no such folder.
   */
  async start(): Promise<void> {
    checkSocketPlace(this.#options.socketPath, false)
    const libc = await loadLibc()
    if (!this.#isClosed) this.#connect(libc)
  }

  /** Stops serving, and leaves no timer, descriptor or mapping. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#retry?.cancel()
    this.#session?.close()
    this.#session = undefined
  }

  #connect(libc: Libc): void {
    try {
      this.#serve(libc, libc.connect(this.#options.socketPath))
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      this.#tellWhatStays(error)
      this.#connectLater(libc)
    }
  }

  /** QEMU may not listen yet. Any other error will not go away, and is told once. */
  #tellWhatStays(error: SystemError): void {
    if (WAITING.includes(error.errnoName) || this.#isTold) return
    this.#isTold = true
    const { socketPath } = this.#options
    this.onError.emit(
      systemFailed(`Cannot connect to QEMU on ${socketPath}: ${error.message}.`, {
        hint: "It is tried again. Run QEMU as the same user: the socket is its.",
        cause: error,
      }),
    )
  }

  #connectLater(libc: Libc): void {
    this.#retry = this.#clock.schedule(this.#retryMs, () => this.#connect(libc))
    this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS)
  }

  #serve(libc: Libc, socket: number): void {
    this.#connectedAtMs = this.#clock.now()
    this.#session = new VhostUserSession(socket, {
      libc,
      device: this.#options.device,
      clock: this.#clock,
      onEnd: (reason) => this.#sessionEnded(libc, reason),
      onDeviceBroken: (error) => this.onError.emit(error),
    })
    this.onConnection.emit(true)
  }

  #sessionEnded(libc: Libc, reason: VirtioMsgError | undefined): void {
    this.#session = undefined
    if (this.#clock.now() - this.#connectedAtMs >= GOOD_CONNECTION_MS) this.#retryMs = FIRST_RETRY_MS
    this.#connectLater(libc)
    if (reason) this.onError.emit(reason)
    this.onConnection.emit(false)
  }
}
