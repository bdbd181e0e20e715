// What the page is told of buses elsewhere: sessions and their packets, kept from the beginning so that a page which
// is opened later sees the same (docs/dashboard.md "The live view").

import { Emitter } from "../../emitter.js"
import type { Direction } from "../../link/link.js"

/** One event, as the page gets it in JSON. */
export type LiveEvent =
  | { readonly type: "session"; readonly session: number; readonly title: string }
  | {
      readonly type: "packet"
      readonly session: number
      /** Milliseconds since the session's first packet. */
      readonly atMs: number
      readonly direction: Direction
      /** The mailbox packet's bytes, two digits each. */
      readonly hex: string
    }
  /** So many packets are not there any more: the page began late, or reads slowly. */
  | { readonly type: "missed"; readonly session: number; readonly count: number }
  | { readonly type: "end"; readonly session: number }

/** The bus of one process. */
export interface LiveSession {
  /** `timeMs` may count from any moment. */
  packet(timeMs: number, direction: Direction, bytes: Uint8Array): void
  end(): void
}

/** As many events of a session are kept for pages that come later, or are slow. */
const MOST_KEPT = 50_000

export class LiveFeed {
  /** There is more to read. */
  readonly onMore = new Emitter<[]>()
  /** Counts sessions; the newest is the one to see. */
  #session = 0
  #title = ""
  /** What followed its beginning, but for the first `#goneCount`. */
  #kept: LiveEvent[] = []
  #goneCount = 0

  /** A process begins to be watched. What came before is not kept any more. */
  begin(title: string): LiveSession {
    const session = ++this.#session
    this.#title = title
    this.#kept = []
    this.#goneCount = 0
    this.onMore.emit()
    let startMs: number | undefined
    return {
      packet: (timeMs, direction, bytes) => {
        startMs ??= timeMs
        const hex = Buffer.from(bytes).toString("hex")
        this.#publish({ type: "packet", session, atMs: timeMs - startMs, direction, hex })
      },
      end: () => this.#publish({ type: "end", session }),
    }
  }

  /**
   * Returns a function that returns the next event for a page that comes now: the newest session from its beginning.
   * Undefined: there is none yet. Whoever reads slowly holds nothing; what went meanwhile is told as missed.
   */
  reader(): () => LiveEvent | undefined {
    let session = 0
    let taken = 0
    return () => {
      if (session !== this.#session) {
        session = this.#session
        taken = 0
        return { type: "session", session, title: this.#title }
      }
      const count = this.#goneCount - taken
      if (count > 0) {
        taken = this.#goneCount
        return { type: "missed", session, count }
      }
      const event = this.#kept[taken - this.#goneCount]
      if (event) taken++
      return event
    }
  }

  #publish(event: LiveEvent): void {
    if (event.session !== this.#session) return // an older one, which no page shows any more
    this.#kept.push(event)
    if (this.#kept.length > MOST_KEPT) this.#goneCount += this.#kept.splice(0, MOST_KEPT >> 4).length
    this.onMore.emit()
  }
}
