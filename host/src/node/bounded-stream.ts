// Streams to and from peers, none of which can make this process grow or keep its event loop busy. Bytes that wait for
// a peer have a limit. A peer that does not read our answers is not read from.

import type { Duplex } from "node:stream"
import { counted } from "../counted.js"
import { linkClosed, type VirtioMsgError } from "../errors.js"

/** So many bytes may wait for a peer that does not read. No protocol of ours has a tenth of that on its way. */
export const MOST_WAITING_BYTES = 1024 * 1024
/** Node reads at most so much at once. After a piece of this size, more is waiting. */
const FULL_READ_BYTES = 65_536

export interface BoundedStreamOptions {
  /** What to call the peer in the sentence. */
  readonly name: string
  onData(chunk: Uint8Array): void
  /** Bytes beyond the limit are lost, and the stream stays. For a terminal, at whose other end there may be nobody. */
  readonly isLossy?: boolean
  /**
   * `onData` threw, which is a defect of ours. The connection of this peer ends, and no other. Without this function
   * the error is thrown on.
   */
  onThrow?(error: unknown): void
  /** More than MOST_WAITING_BYTES wait. After this call the stream is destroyed. */
  onOverflow?(error: VirtioMsgError): void
}

export class BoundedStream {
  readonly #stream: Duplex
  readonly #options: BoundedStreamOptions
  #isPaused = false

  /** Reads `stream` from now on. The caller handles its errors and its end. */
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
    const error = linkClosed(
      `${this.#options.name} was disconnected: it does not read what it is sent, and ${counted(stream.writableLength, "byte waits", "bytes wait")}.`,
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
      // after a full piece, timers, signals and others get their turn before this peer is read again
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
