// A trace for programs: one JSON object for each message, span, request, remark and state, a line each.

import { hexBytes } from "../hex.js"
import type { PacketContent, PacketEvent, TraceEvent } from "../trace/trace-event.js"

/** The lines of one event. `timeMs` counts as the trace does: since 1970 for captures. */
export function traceJson(event: TraceEvent): string[] {
  if (event.kind === "state") return [JSON.stringify(event)]
  const packet = {
    timeMs: event.timeMs,
    packet: event.number,
    direction: event.direction === "out" ? "A7>M4" : "M4>A7",
    ...(event.isIgnored && event.hasData ? { isIgnored: true } : {}),
  }
  const remarks = event.remarks.length > 0 ? [{ kind: "remark", ...packet, remarks: event.remarks }] : []
  return [...remarks, ...event.contents.map((content) => contentJson(packet, content))].map((line) =>
    JSON.stringify(line),
  )
}

/** The header of a packet as JSON, for users who want packets, too. */
export function packetJson(event: PacketEvent): string {
  const { number, timeMs, direction, fields, bytes } = event
  return JSON.stringify({ kind: "packet", timeMs, packet: number, direction, fields, bytes: hexBytes(bytes) })
}

function contentJson(packet: object, content: PacketContent): object {
  const { kind } = content
  if (kind === "message") {
    const { message, frame, offset, remarks, requestNumber, roundTripMs } = content
    const { devNum: device, kind: messageKind, ...described } = message
    return {
      kind,
      ...packet,
      ...(device === undefined ? {} : { device }),
      ...described,
      messageKind,
      frame: hexBytes(frame),
      offset,
      ...(requestNumber === undefined ? {} : { requestPacket: requestNumber, roundTripMs }),
      ...(remarks.length > 0 ? { remarks } : {}),
    }
  }
  if (kind === "span") {
    const { area, areaOffset, bytes, offset, records } = content
    return { kind, ...packet, area, areaOffset, bytes: hexBytes(bytes), offset, records }
  }
  const { devNum, queueIndex, remarks, ...rest } = content
  return {
    ...packet,
    ...rest,
    device: devNum,
    queue: queueIndex,
    ...(remarks.length > 0 ? { remarks } : {}),
  }
}
