// The window as an object: new with every epoch, and never one of another epoch's places or bytes.

import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { Window } from "../../host/src/bus/window.js"
import { VirtualClock } from "../../host/src/clock.js"
import { MemoryLink } from "../support/memory-link.js"

describe("the window", () => {
  it("has no room before there is an epoch", () => {
    const window = Window.empty()
    expect([window.driverSpace.longestFree, window.deviceSpace.longestFree]).toEqual([0, 0])
  })

  it("is another one, all of it free, when the device has started again; who holds the old one writes nowhere", async () => {
    const clock = new VirtualClock(0)
    const link = new MemoryLink(clock)
    const bus = await clock.run(Bus.open(link, { clock }))
    const before = bus.window
    const free = before.driverSpace.longestFree
    expect(before.driverSpace.allocate(64)).toBe(16) // nothing lies at offset 0
    link.restart()
    await clock.run(bus.ping().catch(() => 0))
    await clock.run(bus.ping())
    expect(bus.window).not.toBe(before)
    expect(bus.window.driverSpace.longestFree).toBe(free)
    before.outgoing.put8(100, 0x5a)
    await clock.run(bus.ping())
    expect(bus.window.outgoing.bytes[100]).toBe(0)
    expect(link.endpoint.mailbox.incoming[100]).toBe(0)
    await bus.close()
  })
})
