// What the page is told of buses elsewhere: sessions and their packets, kept from the beginning so that a page which
// is opened later sees the same (docs/dashboard.md "The live view").

import { Emitter } from "../../emitter.js"
import type { Direction } from "../../trace/trace.js"

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
  | { readonly type: "end"; readonly session: number }

/** The bus of one process. */
export interface LiveSession {
  /** `timeMs` may count from any moment. */
  packet(timeMs: number, direction: Direction, bytes: Uint8Array): void
  end(): void
}

/** As many packets of a session are kept for pages that come later. */
const MOST_KEPT = 50_000

export class LiveFeed {
  readonly onEvent = new Emitter<[event: LiveEvent]>()
  #count = 0
  /** Of the newest session. */
  #history: LiveEvent[] = []

  /** A process begins to be watched. What came before is not kept any more. */
  begin(title: string): LiveSession {
    const session = ++this.#count
    this.#history = []
    this.#publish({ type: "session", session, title })
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

  /** What a page that comes now has to be told first. */
  get history(): readonly LiveEvent[] {
    return this.#history
  }

  #publish(event: LiveEvent): void {
    // an older session that goes on is not kept, but a page that shows it goes on, too
    if (event.session === this.#count) this.#history.push(event)
    // the beginning says what the session is; the oldest packets behind it go
    if (this.#history.length > MOST_KEPT) this.#history.splice(1, MOST_KEPT >> 4)
    this.onEvent.emit(event)
  }
}
