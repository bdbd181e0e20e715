// Where everything that crosses a link can be watched. Counters, the demo, captures and the page use it.

import { type Clock, systemClock } from "../clock.js"
import { Tap } from "../link/tap.js"
import type { TraceEvent } from "./trace-event.js"
import { TraceObserver } from "./trace-observer.js"

/**
 * What crosses a link, for programs that want to watch it. Give it to `openBus` or `Bus.open`.
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
export class Trace extends Tap {
  readonly clock: Clock

  constructor(clock: Clock = systemClock) {
    super()
    this.clock = clock
  }

  /**
   * Calls back with a description of everything that happens from now on. Returns the function that stops that. Who
   * watches from the first packet on sees all requests. Who comes later learns of a queue only when it is set up anew.
   */
  watch(listener: (event: TraceEvent) => void): () => void {
    const observer = new TraceObserver()
    const offs = [
      // when the mailbox sends a packet again, it changes its acknowledgement
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
