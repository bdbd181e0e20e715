// What the page is told of buses in other processes: sessions and their packets. They are kept from the beginning, so
// that a page that is opened later sees the same (docs/dashboard.md "The live view").

import { systemClock } from "../../clock.js"
import { Emitter } from "../../emitter.js"
import type { Direction } from "../../link/link.js"
import { PACKET_SNAPSHOT } from "../../trace/packet-fields.js"
import { readPacket } from "../../trace/packet-records.js"

export interface LiveProcess {
  readonly session: number
  readonly title: string
  /** `idle`: it did nothing since we watch it. */
  readonly state: "idle" | "active" | "ended"
}

/** One event, as the page gets it in JSON. */
export type LiveEvent =
  /** All processes. Sent when one comes, begins to do something, or ends. */
  | { readonly type: "processes"; readonly processes: readonly LiveProcess[] }
  /** The following events belong to this session, from its beginning. No event of the session before follows. */
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
  /** So many packets are missing: the page began late, or reads slowly. */
  | { readonly type: "missed"; readonly session: number; readonly count: number }
  | { readonly type: "end"; readonly session: number }

/** The bus of one process. */
export interface LiveSession {
  /** `timeMs` may count from any moment. */
  packet(timeMs: number, direction: Direction, bytes: Uint8Array): void
  end(): void
}

/** So many events of all sessions are kept for pages that come later, or are slow. */
const MOST_KEPT = 50_000
/** So many processes that have ended can still be chosen. */
const MOST_ENDED = 8
/** A session that does nothing for so long is idle. Another one that does something is then shown instead. */
const IDLE_MS = 5000

interface KeptSession {
  readonly number: number
  readonly title: string
  /** The events after its beginning, without the first `goneCount`. */
  readonly kept: LiveEvent[]
  goneCount: number
  /** On the feed's clock. Undefined until it does something. */
  activeAtMs: number | undefined
  hasEnded: boolean
}

export class LiveFeed {
  /** There is more to read. */
  readonly onMore = new Emitter<[]>()
  readonly #nowMs: () => number
  /** By their numbers, which increase. */
  readonly #sessions = new Map<number, KeptSession>()
  #count = 0
  #keptCount = 0
  /** The session that is shown to a page that has chosen none. */
  #followed: KeptSession | undefined
  /** Increases whenever the answer of `processes` changes. */
  #edition = 0

  /** `nowMs` decides which are idle. */
  constructor(nowMs: () => number = () => systemClock.now()) {
    this.#nowMs = nowMs
  }

  /** A process begins to be watched. */
  begin(title: string): LiveSession {
    const made: KeptSession = {
      number: ++this.#count,
      title,
      kept: [],
      goneCount: 0,
      activeAtMs: undefined,
      hasEnded: false,
    }
    this.#sessions.set(made.number, made)
    this.#edition++
    this.onMore.emit()
    const session = made.number
    let startMs: number | undefined
    return {
      packet: (timeMs, direction, bytes) => {
        startMs ??= timeMs
        if (isDeed(bytes)) this.#acts(made)
        const hex = Buffer.from(bytes).toString("hex")
        this.#publish(made, { type: "packet", session, atMs: timeMs - startMs, direction, hex })
      },
      end: () => {
        if (made.hasEnded) return
        made.hasEnded = true
        this.#edition++
        this.#publish(made, { type: "end", session })
        this.#forgetEnded()
      },
    }
  }

  /**
   * Returns a function that returns the next event for a page that comes now. The events are those of one session,
   * from its beginning: the chosen session, or else one that does something. Undefined: there is none yet. Nothing is
   * held for a page that reads slowly: what is no longer there is told as missed.
   */
  reader(chosen?: number): () => LiveEvent | undefined {
    let session: KeptSession | undefined
    let taken = 0
    let edition = 0
    return () => {
      if (edition !== this.#edition) {
        edition = this.#edition
        return { type: "processes", processes: this.#processes() }
      }
      const wanted = chosen === undefined ? this.#followed : (this.#sessions.get(chosen) ?? session)
      if (!wanted) return undefined
      if (session !== wanted) {
        session = wanted
        taken = 0
        return { type: "session", session: session.number, title: session.title }
      }
      const count = session.goneCount - taken
      if (count > 0) {
        taken = session.goneCount
        return { type: "missed", session: session.number, count }
      }
      const event = session.kept[taken - session.goneCount]
      if (event) taken++
      return event
    }
  }

  #processes(): LiveProcess[] {
    return [...this.#sessions.values()].map(({ number, title, activeAtMs, hasEnded }) => ({
      session: number,
      title,
      state: hasEnded ? "ended" : activeAtMs === undefined ? "idle" : "active",
    }))
  }

  /** The session does something. If it was idle, it is shown now, unless another one is busy all the time. */
  #acts(session: KeptSession): void {
    const nowMs = this.#nowMs()
    const isIdle = ({ activeAtMs, hasEnded }: KeptSession) =>
      hasEnded || activeAtMs === undefined || nowMs - activeAtMs >= IDLE_MS
    if (isIdle(session) || !this.#followed || isIdle(this.#followed)) this.#followed = session
    if (session.activeAtMs === undefined) this.#edition++
    session.activeAtMs = nowMs
  }

  #publish(session: KeptSession, event: LiveEvent): void {
    if (this.#sessions.get(session.number) !== session) return // forgotten
    session.kept.push(event)
    if (++this.#keptCount > MOST_KEPT) {
      const all = [...this.#sessions.values()]
      const longest = all.reduce((most, one) => (one.kept.length > most.kept.length ? one : most))
      this.#dropFrom(longest, MOST_KEPT >> 4)
    }
    this.onMore.emit()
  }

  #dropFrom(session: KeptSession, most: number): void {
    const { length } = session.kept.splice(0, most)
    session.goneCount += length
    this.#keptCount -= length
  }

  #forgetEnded(): void {
    const ended = [...this.#sessions.values()].filter((one) => one.hasEnded && one !== this.#followed)
    for (const session of ended.slice(0, Math.max(0, ended.length - MOST_ENDED))) {
      this.#sessions.delete(session.number)
      this.#dropFrom(session, session.kept.length)
    }
  }
}

/** Whether a packet shows that its sender does something: not a repetition of the past, and not a heartbeat. */
function isDeed(bytes: Uint8Array): boolean {
  const contents = readPacket(bytes)
  return !contents || (contents.hasData && ((bytes[0] as number) & PACKET_SNAPSHOT) === 0)
}
