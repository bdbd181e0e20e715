// What peers of ours are written to and read from, so that none of them can make this process grow or keep its event
// loop: bytes that wait for a peer have a bound, and who does not read what we answer is not read from either.

import type { Duplex } from "node:stream"
import { VirtioMsgError } from "../errors.js"

/** So much may wait for a peer that does not read; every protocol of ours has less than a tenth of it under way. */
export const MOST_WAITING_BYTES = 1024 * 1024
/** Node reads at most so much at once: behind a piece of this size more is waiting. */
const FULL_READ_BYTES = 65_536

export interface BoundedStreamOptions {
  /** Who the peer is, for the sentence. */
  readonly name: string
  onData(chunk: Uint8Array): void
  /** What is too much is lost, and the stream stays: for a terminal, at whose other end nobody may be. */
  readonly isLossy?: boolean
  /**
   * `onData` threw: a defect of ours, for which this peer's connection ends and no other. Without it, the error goes its
   * way.
   */
  onThrow?(error: unknown): void
  /** More than MOST_WAITING_BYTES wait; the stream is destroyed behind it. */
  onOverflow?(error: VirtioMsgError): void
}

export class BoundedStream {
  readonly #stream: Duplex
  readonly #options: BoundedStreamOptions
  #isPaused = false

  /** Reads `stream` from now on. Its errors and its end are the caller's. */
  constructor(stream: Duplex, options: BoundedStreamOptions) {
    this.#stream = stream
    this.#options = options
    stream.on("data", (chunk: Uint8Array) => this.#take(chunk))
    stream.on("drain", () => this.#resume())
  }

  /** Drops the bytes when the stream is closed; closes it when too many wait. */
  write(bytes: Uint8Array): void {
    const stream = this.#stream
    if (stream.destroyed || !stream.writable) return
    if (this.#options.isLossy && stream.writableLength > MOST_WAITING_BYTES) return
    stream.write(bytes)
    if (this.#options.isLossy || stream.writableLength <= MOST_WAITING_BYTES) return
    const error = new VirtioMsgError(
      "LINK_CLOSED",
      `${this.#options.name} was disconnected: it does not read what it is sent, and ${stream.writableLength} bytes wait.`,
      { hint: "The program at the other end hangs, or floods us with what must be answered." },
    )
    this.#options.onOverflow?.(error)
    stream.destroy()
  }

  #take(chunk: Uint8Array): void {
    const stream = this.#stream
    try {
      this.#options.onData(chunk)
    } catch (error) {
      if (!this.#options.onThrow) throw error
      this.#options.onThrow(error)
      stream.destroy()
    }
    if (this.#isPaused || stream.destroyed) return
    if (stream.writableNeedDrain) this.#pause()
    else if (chunk.length >= FULL_READ_BYTES) {
      // whoever floods us waits while timers, signals and others have their turn
      this.#pause()
      setImmediate(() => {
        if (!stream.writableNeedDrain) this.#resume()
      })
    }
  }

  #pause(): void {
    this.#isPaused = true
    this.#stream.pause()
  }

  #resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#stream.resume()
  }
}
