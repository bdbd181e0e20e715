// The machine's own time: a process that was stopped for a while reads what arrived before it gives anything up.

import net from "node:net"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { backgroundClock, delay, systemClock } from "../../host/src/clock.js"

const TIMEOUT_MS = 300
const STOPPED_MS = 600

/** Holds up the event loop, as a computer does that sleeps or has no time for us. */
function stopFor(durationMs: number): void {
  const endMs = performance.now() + durationMs
  while (performance.now() < endMs);
}

describe.each([
  ["systemClock", systemClock],
  ["backgroundClock", backgroundClock],
])("%s", (_name, clock) => {
  let server: net.Server
  let near: net.Socket
  let far: net.Socket

  beforeEach(async () => {
    server = net.createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const accepted = new Promise<net.Socket>((resolve) => server.once("connection", resolve))
    near = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1")
    far = await accepted
  })
  afterEach(async () => {
    near.destroy()
    far.destroy()
    await new Promise((resolve) => server.close(resolve))
  })

  it("gives an answer that came while the process was stopped precedence over the end of the wait for it", async () => {
    const first = new Promise<string>((resolve) => {
      near.once("data", () => resolve("answered"))
      clock.schedule(TIMEOUT_MS, () => resolve("given up"))
    })
    far.write("an answer")
    stopFor(STOPPED_MS)
    expect(await first).toBe("answered")
  })

  it("calls back once, not before its time, and not at all when it was cancelled", async () => {
    const startMs = clock.now()
    const called: string[] = []
    const cancelled = clock.schedule(250, () => called.push("cancelled"))
    await delay(systemClock, 120) // it is in its second wait now
    cancelled.cancel()
    await new Promise<void>((resolve) => {
      clock.schedule(-1, () => called.push("past"))
      clock.schedule(250, () => {
        called.push("due")
        resolve()
      })
    })
    expect(called).toEqual(["past", "due"])
    expect(clock.now() - startMs).toBeGreaterThan(365) // a timer of Node's may be a millisecond early
  })
})
