// Where everything that crosses a link can be watched: counters, the demo, captures, the page.

import { type Clock, systemClock } from "../clock.js"
import { Emitter } from "../emitter.js"
import type { Direction } from "../link/link.js"
import type { LinkState, TraceEvent } from "./trace-event.js"
import { TraceObserver } from "./trace-observer.js"

/**
 * What crosses a link, for whoever wants to watch. Give it to `openBus` or `Bus.open`.
 *
 * @example
 * ```ts
 * import { openBus, Trace } from "virtio-msg"
 *
 * const trace = new Trace()
 * trace.watch((event) => {
 *   if (event.kind !== "packet") return
 *   for (const part of event.contents) if (part.kind === "message") console.log(part.message.text)
 * })
 * const bus = await openBus({ port: "sim", trace })
 * await bus.close()
 * ```
 */
export class Trace {
  /** A virtio-msg message, when it is queued to be sent, or when it arrived. */
  readonly onMessage: Emitter<[direction: Direction, frame: Uint8Array]> = new Emitter()
  /** A mailbox packet, each time it is sent, also again, or arrives. */
  readonly onPacket: Emitter<[direction: Direction, packet: Uint8Array]> = new Emitter()
  /** The link comes, is lost, or goes for good. */
  readonly onState = new Emitter<[state: LinkState, text: string]>()
  readonly clock: Clock

  constructor(clock: Clock = systemClock) {
    this.clock = clock
  }

  /**
   * Calls back with everything that happens from now on, described. Returns the function that stops that.
   * A trace that is watched from its first packet on knows all requests; a later one learns of queues only when
   * they are set up anew.
   */
  watch(listener: (event: TraceEvent) => void): () => void {
    const observer = new TraceObserver()
    const offs = [
      // the mailbox changes the acknowledgement of a packet that it sends again
      this.onPacket.on((direction, packet) =>
        listener(observer.observe(this.clock.now(), direction, Uint8Array.from(packet))),
      ),
      this.onState.on((state, text) => listener({ kind: "state", timeMs: this.clock.now(), state, text })),
    ]
    return () => {
      for (const off of offs) off()
    }
  }
}
