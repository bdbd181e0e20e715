// What a device model has to say to the kernel, in order. Frames go into the ring as long as it has room. Others wait
// here, up to a limit.

import type { Clock, Timer } from "../../clock.js"
import { counted } from "../../counted.js"
import { sessionOver } from "./kernel-message.js"
import type { BridgeProducer } from "./ring.js"

/** So many frames may wait while the ring is full. A kernel that is so far behind has stopped reading. */
const MOST_WAITING = 4096
/** How soon a full ring is looked at again: the kernel does not have to say that there is room. */
const RETRY_MS = 2

export interface OutboxEvents {
  /** Frames went into the ring. */
  onSent(): void
  /** The kernel broke the ring. */
  onError(error: unknown): void
}

export class Outbox {
  readonly #ring: BridgeProducer
  readonly #clock: Clock
  readonly #events: OutboxEvents
  #waiting: Uint8Array[] = []
  #retry: Timer | undefined

  constructor(ring: BridgeProducer, clock: Clock, events: OutboxEvents) {
    this.#ring = ring
    this.#clock = clock
    this.#events = events
  }

  /** Nothing waits: the next frame goes into the ring if that has room. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Throws PROTOCOL when the kernel broke the ring, or has stopped reading it. */
  put(frame: Uint8Array): void {
    if (this.isEmpty && this.#ring.push(frame)) {
      this.#events.onSent()
      return
    }
    if (this.#waiting.length >= MOST_WAITING)
      throw sessionOver(
        `${counted(this.#waiting.length, "message")} wait: the kernel takes none out of its ring.`,
      )
    this.#waiting.push(frame)
    this.#lookAgain()
  }

  /** Puts what waits into the ring, as far as there is room. Throws as `put`. */
  flush(): void {
    let sent = 0
    while (sent < this.#waiting.length && this.#ring.push(this.#waiting[sent] as Uint8Array)) sent++
    this.#waiting.splice(0, sent)
    if (sent > 0) this.#events.onSent()
    this.#lookAgain()
  }

  close(): void {
    this.#waiting = []
    this.#retry?.cancel()
  }

  #lookAgain(): void {
    this.#retry?.cancel()
    this.#retry = this.isEmpty
      ? undefined
      : this.#clock.schedule(RETRY_MS, () => {
          try {
            this.flush()
          } catch (error) {
            this.#events.onError(error)
          }
        })
  }
}
