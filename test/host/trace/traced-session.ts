// A bus to the device code in this process, in virtual time, with a trace from its first packet: the same every time.

import { Bus } from "../../../host/src/bus/bus.js"
import { VirtualClock } from "../../../host/src/clock.js"
import { I2cAdapter } from "../../../host/src/driver/i2c-adapter.js"
import { VirtioDevice } from "../../../host/src/driver/virtio-device.js"
import { Trace } from "../../../host/src/trace/trace.js"
import type {
  MessageEvent,
  PacketContent,
  PacketEvent,
  RequestEvent,
  TraceEvent,
} from "../../../host/src/trace/trace-event.js"
import { MemoryLink, type MemoryLinkOptions } from "../../support/memory-link.js"

export async function openTraced(options: MemoryLinkOptions = {}) {
  const clock = new VirtualClock(0)
  const link = new MemoryLink(clock, options)
  const trace = new Trace(clock)
  const events: TraceEvent[] = []
  trace.watch((event) => events.push(event))
  let drawn = 0
  const random = () => (++drawn * 0.381) % 1
  const bus = await clock.run(Bus.open(link, { clock, trace, random }))
  const device = new VirtioDevice(bus, 0)
  const i2c = new I2cAdapter(device)
  return { clock, link, trace, bus, device, i2c, events }
}

export function packetsIn(events: readonly TraceEvent[]): PacketEvent[] {
  return events.filter((event) => event.kind === "packet")
}

export function contentsIn(events: readonly TraceEvent[]): PacketContent[] {
  return packetsIn(events).flatMap((packet) => packet.contents)
}

export function messagesIn(events: readonly TraceEvent[]): MessageEvent[] {
  return contentsIn(events).filter((content) => content.kind === "message")
}

export function requestsIn(events: readonly TraceEvent[]): RequestEvent[] {
  return contentsIn(events).filter((content) => content.kind === "request")
}

/** Every remark in the events, as "breach V50 text". */
export function remarksIn(events: readonly TraceEvent[]): string[] {
  return packetsIn(events).flatMap((packet) =>
    [
      ...packet.remarks,
      ...packet.contents.flatMap((content) => ("remarks" in content ? content.remarks : [])),
    ].map(({ severity, row, text }) => [severity, row, text].filter(Boolean).join(" ")),
  )
}
