// Makes a capture of a trace: every packet as pcapng, with comments where something is remarkable. The bytes go
// wherever the caller writes them: a file, a pipe to Wireshark, a socket, a download.

import type { Direction } from "../link/link.js"
import { encodeCapturedPacket, encodeCaptureHeader, encodeLinkState } from "./pcapng-writer.js"
import { snapshotPackets } from "./snapshot.js"
import type { Trace } from "./trace.js"
import type { PacketEvent } from "./trace-event.js"
import { TraceObserver } from "./trace-observer.js"

export interface CaptureOptions {
  /** Who writes it: "virtio-msg 0.1.0". */
  readonly application: string
  /** What to add to the trace's milliseconds to get those since 1970. */
  readonly epochOffsetMs: number
  readonly write: (bytes: Uint8Array) => void
  /** An observer that has followed the trace so far. What it knows is written at the beginning of the capture. */
  readonly known?: TraceObserver
}

/** Captures everything from now on. Returns the function that ends it. */
export function capture(trace: Trace, options: CaptureOptions): () => void {
  const observer = new TraceObserver()
  let pending: string[] = []
  const add = (direction: Direction, packet: Uint8Array) => {
    const timeMs = trace.clock.now()
    const event = observer.observe(timeMs, direction, Uint8Array.from(packet))
    const comments = [...pending, ...commentsOn(event)]
    pending = []
    options.write(
      encodeCapturedPacket({
        timeMs: timeMs + options.epochOffsetMs,
        direction,
        bytes: event.bytes,
        comments,
      }),
    )
  }
  options.write(encodeCaptureHeader(options.application))
  if (options.known) for (const { direction, bytes } of snapshotPackets(options.known)) add(direction, bytes)
  const offs = [
    trace.onPacket.on(add),
    trace.onState.on((state, text) => {
      options.write(encodeLinkState({ timeMs: trace.clock.now() + options.epochOffsetMs, state, text }))
      // only packets' comments are shown by Wireshark, so the next packet has this, too
      pending.push(`link ${state}: ${text}`)
    }),
  ]
  return () => {
    for (const off of offs) off()
  }
}

/** What is remarkable about a packet and its contents, one line each. */
export function commentsOn(packet: PacketEvent): string[] {
  return [
    ...packet.remarks,
    ...packet.contents.flatMap((content) => (content.kind === "span" ? [] : content.remarks)),
  ].map(({ severity, row, text }) => (severity === "breach" ? `breach of ${row}: ${text}` : text))
}
