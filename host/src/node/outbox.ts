// What is to be said through a ring in shared memory, in order. Frames go into the ring as long as it has room. Others
// wait here, up to a limit.

import type { Clock, Timer } from "../clock.js"
import { counted } from "../counted.js"
import type { VirtioMsgError } from "../errors.js"

/** So many frames may wait while the ring is full. A peer that is so far behind has stopped reading. */
const MOST_WAITING = 4096
/** How soon a full ring is looked at again: the peer does not have to say that there is room. */
const RETRY_MS = 2

interface OutboxRing {
  /** False when the ring is full. Throws PROTOCOL when the peer broke the ring. */
  push(frame: Uint8Array): boolean
}

export interface OutboxEvents {
  /** Frames went into the ring. */
  onSent(): void
  /** `flush` is to be called: the ring was full, and may have room now. */
  onDue(): void
  /** The error for a peer that has stopped reading; `waiting` is "4097 messages". */
  stuck(waiting: string): VirtioMsgError
}

export class Outbox {
  readonly #ring: OutboxRing
  readonly #clock: Clock
  readonly #events: OutboxEvents
  #waiting: Uint8Array[] = []
  #retry: Timer | undefined

  constructor(ring: OutboxRing, clock: Clock, events: OutboxEvents) {
    this.#ring = ring
    this.#clock = clock
    this.#events = events
  }

  /** Nothing waits: the next frame goes into the ring if that has room. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Throws as the ring, and when the peer has stopped reading. The outbox may keep the frame. */
  put(frame: Uint8Array): void {
    this.#waiting.push(frame)
    this.flush()
    if (this.#waiting.length > MOST_WAITING)
      throw this.#events.stuck(counted(this.#waiting.length, "message"))
  }

  /** Puts what waits into the ring, as far as there is room. Throws as the ring. */
  flush(): void {
    let sent = 0
    while (sent < this.#waiting.length && this.#ring.push(this.#waiting[sent] as Uint8Array)) sent++
    this.#waiting.splice(0, sent)
    if (sent > 0) this.#events.onSent()
    if (this.isEmpty || this.#retry) return
    this.#retry = this.#clock.schedule(RETRY_MS, () => {
      this.#retry = undefined
      this.#events.onDue()
    })
  }

  close(): void {
    this.#waiting = []
    this.#retry?.cancel()
  }
}
