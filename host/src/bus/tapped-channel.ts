// Watches what crosses a channel. It is a wrapper: neither the channel nor the bus above knows that it is watched.

import { Emitter } from "../emitter.js"
import type { VirtioMsgError } from "../errors.js"
import { hex } from "../hex.js"
import type { FarEnd } from "../link/far-end.js"
import type { Tap } from "../link/tap.js"
import type { Channel, ChannelParameters } from "./channel.js"
import { busClosed } from "./failures.js"
import type { Window } from "./window.js"

/** A channel that reports its messages and epochs to `tap`. */
export class TappedChannel implements Channel {
  readonly onMessage: Emitter<[frame: Uint8Array]> = new Emitter()
  readonly onLost: Emitter<[error: VirtioMsgError]> = new Emitter()
  readonly onLog: Emitter<[line: string]>
  readonly onAnnounce: Emitter<[]>
  readonly #channel: Channel
  readonly #tap: Tap
  #isUp = false

  constructor(channel: Channel, tap: Tap) {
    this.#channel = channel
    this.#tap = tap
    this.onLog = channel.onLog
    this.onAnnounce = channel.onAnnounce
    channel.onMessage.on((frame) => {
      tap.onMessage.emit("in", frame)
      this.onMessage.emit(frame)
    })
    channel.onLost.on((error) => {
      if (this.#isUp) tap.onState.emit("lost", error.message)
      this.#isUp = false
      this.onLost.emit(error)
    })
  }

  get name(): string {
    return this.#channel.name
  }

  get farEnd(): FarEnd {
    return this.#channel.farEnd
  }

  get window(): Window {
    return this.#channel.window
  }

  get parameters(): ChannelParameters | undefined {
    return this.#channel.parameters
  }

  get isOpen(): boolean {
    return this.#channel.isOpen
  }

  async connect(): Promise<ChannelParameters> {
    const parameters = await this.#channel.connect()
    this.#isUp = true
    const { board, epoch } = parameters
    this.#tap.onState.emit("up", `${board} on ${this.name}, epoch ${hex(epoch)}`)
    return parameters
  }

  post(frame: Uint8Array): void {
    this.#tap.onMessage.emit("out", frame)
    this.#channel.post(frame)
  }

  postOnce(frame: Uint8Array): boolean {
    const isPosted = this.#channel.postOnce(frame)
    if (isPosted) this.#tap.onMessage.emit("out", frame)
    return isPosted
  }

  flush(): void {
    this.#channel.flush()
  }

  hold(): () => void {
    return this.#channel.hold()
  }

  close(): Promise<void> {
    this.#isUp = false
    this.#tap.onState.emit("closed", busClosed().message)
    return this.#channel.close()
  }
}
