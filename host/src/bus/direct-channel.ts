// What is common to channels that carry each message by itself and at once. No message waits in them. They do not
// notice that a device has gone: a request's own time-out does.

import { Emitter } from "../emitter.js"
import type { VirtioMsgError } from "../errors.js"
import type { FarEnd } from "../link/far-end.js"
import type { Channel, ChannelParameters } from "./channel.js"
import { Window } from "./window.js"

export abstract class DirectChannel implements Channel {
  readonly name: string
  readonly farEnd: FarEnd
  readonly onMessage: Emitter<[frame: Uint8Array]> = new Emitter()
  readonly onLost: Emitter<[error: VirtioMsgError]> = new Emitter()
  readonly onLog: Emitter<[line: string]> = new Emitter()
  readonly onAnnounce: Emitter<[]> = new Emitter()
  window: Window = Window.empty()
  parameters: ChannelParameters | undefined

  constructor(name: string, farEnd: FarEnd) {
    this.name = name
    this.farEnd = farEnd
  }

  abstract readonly isOpen: boolean
  abstract connect(): Promise<ChannelParameters>
  abstract post(frame: Uint8Array): void
  abstract flush(): void
  abstract close(): Promise<void>

  /** Does nothing: whatever carries the messages takes every frame at once. */
  postOnce(frame: Uint8Array): boolean {
    this.post(frame)
    return true
  }

  /** Does nothing: a silent device may be gone, or may have nothing to say. Requests have their own time-out. */
  hold(): () => void {
    return () => {}
  }
}
