// Both ends of the socket by which a process is traced: strangers that send to the one that offers, and an offer that is
// no capture, or a damaged one, to the dashboard that follows it.

import { mkdtempSync, rmSync } from "node:fs"
import net from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import fc from "fast-check"
import { VirtualClock } from "../../../host/src/clock.js"
import { LiveFeed } from "../../../host/src/node/dashboard/live-feed.js"
import { watchOffered } from "../../../host/src/node/dashboard/watch-offered.js"
import { offerTrace } from "../../../host/src/node/trace-socket.js"
import { Trace } from "../../../host/src/trace/trace.js"
import { type FuzzTarget, plain } from "../target.js"
import { said } from "./hostile-client.js"
import { captures } from "./pcapng.js"

export interface TraceSocketCase {
  /** What strangers send to the process that offers its trace. */
  readonly stranger: Uint8Array
  /** What the dashboard is offered as a capture. */
  readonly offered: Uint8Array
}

/** The section header of a capture. */
const CAPTURE_BEGIN = "\n\r\r\n"

export const traceSocket: FuzzTarget<TraceSocketCase> = {
  name: "trace-socket",
  about:
    "strangers' bytes to a process that offers its trace, and damaged captures to the dashboard that follows one",
  cases: fc.record({ stranger: fc.uint8Array({ maxLength: 300, size: "max" }), offered: captures }),
  async run({ stranger, offered }) {
    const folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-fuzz-")) // mode 0700
    const trace = new Trace(new VirtualClock(0))
    const offer = { name: "fuzz", application: "fuzz", epochOffsetMs: 0, folder: path.join(folder, "offers") }
    const honest = await offerTrace(trace, offer)
    const connections = new Set<net.Socket>()
    const hostile = net.createServer((socket) => {
      connections.add(socket)
      socket.on("error", () => {})
      socket.end(offered)
    })
    const watched = path.join(folder, "watched.sock")
    await new Promise<void>((resolve) => hostile.listen(watched, resolve))
    const feed = new LiveFeed()
    const ended = new Promise<void>((resolve) => {
      const next = feed.reader()
      feed.onMore.on(() => {
        for (let event = next(); event; event = next())
          if (event.type === "processes" && event.processes.some(({ state }) => state === "ended")) resolve()
      })
    })
    const endWatching = watchOffered(feed, folder)
    try {
      await said(net.connect(honest.path), [stranger])
      const answer = await said(net.connect(honest.path), [])
      if (!answer.startsWith(CAPTURE_BEGIN)) throw new Error("the next reader gets no capture")
      await ended
    } finally {
      endWatching()
      await honest.close()
      for (const socket of connections) socket.destroy()
      await new Promise((resolve) => hostile.close(resolve))
      rmSync(folder, { recursive: true })
    }
  },
  ...plain,
}
