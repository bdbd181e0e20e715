// Which part of a trace stays: of a real session with two devices on one bus, filtered in every way.

import { describe, expect, it } from "vitest"
import { demoChips, SimulatedBus } from "../../firmware/src/chips/simulated-bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import { makeTraceFilter, type TraceFilterOptions } from "../../host/src/cli/trace-filter.js"
import { I2cAdapter } from "../../host/src/driver/i2c-adapter.js"
import { VirtioDevice } from "../../host/src/driver/virtio-device.js"
import type { PacketContent, TraceEvent } from "../../host/src/trace/trace-event.js"
import { I2cDevice } from "../../shared-protocol/src/device/i2c.js"
import { contentsIn, openTraced } from "../host/trace/traced-session.js"

/** A bus with two I2C devices, each asked for one register; and a PING. */
async function session(): Promise<TraceEvent[]> {
  const bytes = allocateBytes
  const chips = () =>
    new SimulatedBus(
      demoChips(() => 0, bytes),
      bytes,
    )
  const types = [0, 1].map(() => new I2cDevice(chips(), bytes(0), () => Promise.resolve(), bytes))
  const { clock, bus, i2c, events, trace } = await openTraced({ types })
  await clock.run(i2c.readBlock(0x54, 14, 1))
  await clock.run(new I2cAdapter(new VirtioDevice(bus, 1)).readBlock(0x54, 14, 1))
  await clock.run(bus.ping())
  trace.onState.emit("lost", "the board is gone")
  return events
}

function filtered(events: readonly TraceEvent[], options: Partial<TraceFilterOptions>): TraceEvent[] {
  const filter = makeTraceFilter({ spans: true, ...options })
  return events.flatMap((event) => filter(event) ?? [])
}

/** Whose it is: "bus", or the numbers of devices. */
function ownersOf(content: PacketContent): (number | "bus")[] {
  if (content.kind === "span") return content.records.map(({ devNum }) => devNum)
  if (content.kind === "request") return [content.devNum]
  return [content.message.devNum ?? "bus"]
}

function count(events: readonly TraceEvent[]) {
  const kinds = { message: 0, span: 0, request: 0, state: 0, empty: 0 }
  for (const event of events)
    if (event.kind === "state") kinds.state++
    else if (event.contents.length === 0) kinds.empty++
  for (const { kind } of contentsIn(events)) kinds[kind]++
  return kinds
}

describe("the filter of a trace", () => {
  it("leaves everything when nothing is asked for", async () => {
    const events = await session()
    expect(filtered(events, {})).toEqual(events)
  })

  it("leaves what lies between two times, both as they are printed, and counts from the first event of all", async () => {
    const events = await session()
    const [first] = events
    const seconds = (event: TraceEvent) => ((event.timeMs - (first?.timeMs ?? 0)) / 1000).toFixed(4)
    const [from, to] = [events[5], events[9]].map((event) => seconds(event as TraceEvent)) as [string, string]
    expect(Number(from)).toBeGreaterThan(0)
    const between = events.filter((event) => seconds(event) >= from && seconds(event) <= to)
    expect(between.length).toBeLessThan(events.length)
    expect(filtered(events, { from, to })).toEqual(between)
    expect(filtered(events, { to })).toEqual(events.filter((event) => seconds(event) <= to))
    expect(filtered(events, { from: "9999" })).toEqual([])
    const inMs = `${(Number(from) * 1000).toFixed(1)}ms`
    expect(filtered(events, { from: inMs, to: `${to}s` })).toEqual(between)
    for (const wrong of ["", "x", "-1", "Infinity", "1h", "."])
      expect(() => makeTraceFilter({ spans: true, from: wrong })).toThrow(/^--from .* is no time/)
    expect(() => makeTraceFilter({ spans: true, from: "2", to: "1" })).toThrow("--from 2 is after --to 1.")
  })

  it("leaves of a device its messages, its requests and the spans of its queues; and of the bus its messages", async () => {
    const events = await session()
    const all = contentsIn(events)
    for (const owner of [0, 1, "bus"] as const) {
      const left = filtered(events, { device: [String(owner)] })
      expect(contentsIn(left)).toEqual(all.filter((content) => ownersOf(content).includes(owner)))
      const kinds = count(left)
      expect(kinds).toMatchObject({ state: 0, empty: 0 })
      expect(kinds.message).toBeGreaterThan(3)
      if (owner === "bus") expect(kinds).toMatchObject({ span: 0, request: 0 })
      else expect(Math.min(kinds.span, kinds.request)).toBeGreaterThan(3)
    }
    expect(contentsIn(filtered(events, { device: ["0", "1", "bus"] })).length).toBeGreaterThan(20)
  })

  it("leaves the messages of a name, without what stands beside them", async () => {
    const events = await session()
    const left = filtered(events, { message: ["event-used", "PING"] })
    const names = contentsIn(left).map((content) => content.kind === "message" && content.message.name)
    expect(new Set(names)).toEqual(new Set(["EVENT_USED", "PING"]))
    expect(count(left)).toEqual({ message: names.length, span: 0, request: 0, state: 0, empty: 0 })
    const ofBoth = contentsIn(filtered(events, { message: ["event-used"], device: ["1"] }))
    expect(ofBoth.map(ownersOf)).toEqual([[1]])
  })

  it("leaves out spans alone with --no-spans", async () => {
    const events = await session()
    const before = count(events)
    expect(before.span).toBeGreaterThan(5)
    expect(before.state).toBe(2) // it came up, and was lost
    const { span, message, request, state } = count(filtered(events, { spans: false }))
    expect({ span, message, request, state }).toEqual({
      span: 0,
      message: before.message,
      request: before.request,
      state: before.state,
    })
  })

  it("refuses what is no device and no message, and says what is", () => {
    expect(() => makeTraceFilter({ spans: true, device: ["65536"] })).toThrow('"65536" is no device number')
    expect(() => makeTraceFilter({ spans: true, device: [" "] })).toThrow("no device number")
    expect(() => makeTraceFilter({ spans: true, message: ["EVENT"] })).toThrow('"EVENT" is no message')
  })
})
