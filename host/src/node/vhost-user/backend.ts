// A vhost-user backend: serves one virtio device to QEMU over a Unix socket, as client of a socket that QEMU
// listens on (`-chardev socket,server=on`) or the other way round, and comes back when either side restarts.

import { Buffer } from "node:buffer"
import { chmodSync, lstatSync, rmSync } from "node:fs"
import { type Clock, systemClock, type Timer } from "../../clock.js"
import { Emitter } from "../../emitter.js"
import { VirtioMsgError } from "../../errors.js"
import { ownersOnly } from "../private-socket.js"
import type { VhostUserDevice } from "./device.js"
import { type Libc, loadLibc, MAX_SOCKET_PATH, SystemError, type Watch } from "./libc.js"
import { VhostUserSession } from "./session.js"

const FIRST_RETRY_MS = 20
const LONGEST_RETRY_MS = 1000
/** A connection that lasted this long was a good one: the next retry is quick again. */
const GOOD_CONNECTION_MS = 2000

export interface VhostUserBackendOptions {
  /** At most 107 bytes. */
  readonly socketPath: string
  readonly device: VhostUserDevice
  /**
   * `connect`, the default: QEMU listens, and whoever of the two starts again finds the other. `listen`: the
   * backend listens, and has to be there before QEMU is.
   */
  readonly mode?: "connect" | "listen"
  readonly clock?: Clock
}

export class VhostUserBackend {
  /** A front end is there, or is no longer. */
  readonly onConnection = new Emitter<[isConnected: boolean]>()
  /** A front end broke the protocol and was disconnected, or a guest broke the device and it stands still. */
  readonly onError = new Emitter<[error: VirtioMsgError]>()

  readonly #options: VhostUserBackendOptions
  readonly #clock: Clock
  #libc: Libc | undefined
  #session: VhostUserSession | undefined
  #listener: { readonly socket: number; watch: Watch | undefined } | undefined
  #retry: Timer | undefined
  #retryMs = FIRST_RETRY_MS
  #connectedAtMs = 0
  #isClosed = false

  constructor(options: VhostUserBackendOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** Whether a front end is connected. */
  get isConnected(): boolean {
    return this.#session !== undefined
  }

  /**
   * Starts serving; front ends may come and go from then on, `onConnection` tells.
   * Rejects with MISSING_DEPENDENCY, with INVALID_ARGUMENT for a path that is too long or no socket, and with
   * SYSTEM_FAILED when it cannot listen.
   */
  async start(): Promise<void> {
    const length = Buffer.byteLength(this.#options.socketPath)
    if (length > MAX_SOCKET_PATH)
      throw new VirtioMsgError(
        "INVALID_ARGUMENT",
        `The path of a Unix socket has at most ${MAX_SOCKET_PATH} bytes, and this one has ${length}.`,
        { hint: "Use a shorter path, such as one in /tmp." },
      )
    const libc = await loadLibc()
    if (this.#isClosed) return
    this.#libc = libc
    if (this.#options.mode === "listen") this.#listen(libc)
    else this.#connect(libc)
  }

  /** Stops serving, and leaves no timer, descriptor or mapping behind. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#retry?.cancel()
    this.#session?.close()
    this.#session = undefined
    if (!this.#listener) return
    this.#listener.watch?.close()
    this.#libc?.close(this.#listener.socket)
    rmSync(this.#options.socketPath, { force: true })
  }

  #connect(libc: Libc): void {
    try {
      this.#serve(libc, libc.connect(this.#options.socketPath))
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      this.#connectLater(libc)
    }
  }

  #connectLater(libc: Libc): void {
    this.#retry = this.#clock.schedule(this.#retryMs, () => this.#connect(libc))
    this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS)
  }

  #listen(libc: Libc): void {
    const { socketPath } = this.#options
    removeFormerSocket(socketPath)
    try {
      const socket = ownersOnly(() => libc.listen(socketPath))
      chmodSync(socketPath, 0o600)
      this.#listener = { socket, watch: undefined }
    } catch (cause) {
      throw new VirtioMsgError("SYSTEM_FAILED", `Cannot listen on ${socketPath}: ${String(cause)}.`, {
        cause,
      })
    }
    this.#acceptNext(libc)
  }

  /** Waits for one front end; others wait until that one is gone. */
  #acceptNext(libc: Libc): void {
    const listener = this.#listener
    if (!listener) return
    listener.watch = libc.watch(listener.socket, () => {
      const socket = libc.accept(listener.socket)
      if (socket === undefined) return
      listener.watch?.close()
      listener.watch = undefined
      this.#serve(libc, socket)
    })
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
    if (this.#listener) this.#acceptNext(libc)
    else this.#connectLater(libc)
    if (reason) this.onError.emit(reason)
    this.onConnection.emit(false)
  }
}

/** A socket that a former run left would be in the way; anything else under that name is somebody's. */
function removeFormerSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isSocket())
    throw new VirtioMsgError("INVALID_ARGUMENT", `${path} exists and is no socket.`, {
      hint: "Give the path of a file that does not exist yet.",
    })
  rmSync(path)
}
