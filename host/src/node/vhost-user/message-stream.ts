// Cuts a vhost-user connection into messages, and keeps each one together with its file descriptors. These come with
// the first byte of a message, so reading never goes beyond a message's end.

import type { Libc, Watch } from "./libc.js"
import { decodeHeader, HEADER_SIZE, type Header, MAX_REGIONS } from "./messages.js"

/** Messages served in one turn of the event loop. */
const MESSAGES_PER_TURN = 32

export interface MessageStreamEvents {
  /** A message. Descriptors that are still in the array when this returns are closed. */
  onMessage(header: Header, payload: Uint8Array, descriptors: number[]): void
  /** The peer has gone, or has sent what is no message: `violation` then says what. Nothing comes after it. */
  onEnd(violation: string | undefined): void
}

export class MessageStream {
  readonly #libc: Libc
  readonly #socket: number
  readonly #events: MessageStreamEvents
  #watch: Watch | undefined
  #isClosed = false
  #buffer = new Uint8Array(HEADER_SIZE)
  #filled = 0
  #header: Header | undefined
  #descriptors: number[] = []

  /** Takes over a connected socket. */
  constructor(libc: Libc, socket: number, events: MessageStreamEvents) {
    this.#libc = libc
    this.#socket = socket
    this.#events = events
    this.resume()
  }

  /** Reads no further message until `resume`. */
  pause(): void {
    this.#watch?.close()
    this.#watch = undefined
  }

  resume(): void {
    if (!this.#isClosed) this.#watch ??= this.#libc.watch(this.#socket, () => this.#receive())
  }

  /** Sends all of `message`; false when the peer is gone or does not read. */
  send(message: Uint8Array): boolean {
    return !this.#isClosed && this.#libc.send(this.#socket, message)
  }

  /** Closes the socket, and the descriptors of a message that is not complete. */
  close(): void {
    if (this.#isClosed) return
    this.pause()
    this.#isClosed = true
    this.#closeDescriptors()
    this.#libc.close(this.#socket)
  }

  #receive(): void {
    for (let served = 0; served < MESSAGES_PER_TURN; ) {
      if (!this.#watch) return
      const received = this.#libc.receive(this.#socket, this.#buffer.length - this.#filled)
      if (received.kind === "nothing") return
      if (received.kind !== "data") {
        const isOverflow = received.kind === "overflow"
        this.#events.onEnd(isOverflow ? "more file descriptors than a message may have" : undefined)
        return
      }
      this.#buffer.set(received.bytes, this.#filled)
      this.#filled += received.bytes.length
      this.#descriptors.push(...received.descriptors)
      if (this.#descriptors.length > MAX_REGIONS) {
        this.#closeDescriptors() // each piece of a message may bring some
        this.#events.onEnd("more file descriptors than a message may have")
        return
      }
      if (this.#filled < this.#buffer.length) continue
      if (this.#header ? this.#deliver(this.#header) : this.#takeHeader()) served++
    }
  }

  /** Takes a complete header; true when it is a whole message already. */
  #takeHeader(): boolean {
    const header = decodeHeader(this.#buffer)
    if (typeof header === "string") {
      this.#events.onEnd(header)
      return false
    }
    this.#expect(header.size)
    if (header.size === 0) return this.#deliver(header)
    this.#header = header
    return false
  }

  #deliver(header: Header): boolean {
    const payload = this.#buffer
    this.#header = undefined
    this.#expect(HEADER_SIZE)
    const descriptors = this.#descriptors
    this.#descriptors = []
    this.#events.onMessage(header, payload, descriptors)
    for (const descriptor of descriptors) this.#libc.close(descriptor)
    return true
  }

  #expect(length: number): void {
    this.#buffer = new Uint8Array(length)
    this.#filled = 0
  }

  #closeDescriptors(): void {
    for (const descriptor of this.#descriptors) this.#libc.close(descriptor)
    this.#descriptors = []
  }
}
