// A trace for people: one line for each message and each request, spans summarised, in colours.

import { counted } from "../counted.js"
import type { PacketContent, PacketEvent, RequestEvent, SpanEvent, TraceEvent } from "../trace/trace-event.js"
import { colours } from "./context.js"

const NAME_WIDTH = 20

/** Formats events; times count from the first one. */
export class TraceLines {
  #firstMs: number | undefined

  /** Times count from the first event that it gets, whether shown or not. */
  begin(timeMs: number): void {
    this.#firstMs ??= timeMs
  }

  /** The line of a packet's header. */
  packetLine(event: PacketEvent): string {
    return `${this.#time(event)}  ${arrow(event)}  ${packetText(event)}`
  }

  #time(event: TraceEvent): string {
    this.begin(event.timeMs)
    return ((event.timeMs - (this.#firstMs ?? 0)) / 1000).toFixed(4).padStart(9)
  }

  /** The lines of one event; none for packets that only acknowledge. */
  format(event: TraceEvent): string[] {
    const time = this.#time(event)
    if (event.kind === "state") return [`${time}  ${colours.bold(`link ${event.state}`)}: ${event.text}`]
    const lead = `${time}  ${arrow(event)}`
    return [
      ...event.remarks.map((remark) => remarkLine(time, `packet ${event.number}`, remark)),
      ...group(event.contents).flatMap((content) => {
        if (Array.isArray(content)) return [`${lead}  ${spansText(content)}`]
        const line = content.kind === "message" ? messageText(content) : requestText(content)
        const shown = event.isIgnored ? colours.dim(`${line} (taken no notice of)`) : line
        const remarks = content.remarks.map((remark) => remarkLine(time, "", remark))
        return [`${lead}  ${shown}`.trimEnd(), ...remarks]
      }),
    ]
  }
}

/** The header of a packet. */
function packetText({ number, bytes, fields }: PacketEvent): string {
  const shown = fields.map(({ name, value, meaning }) => `${name.replace("packet_", "")} ${meaning || value}`)
  return columns("packet", String(number), `${counted(bytes.length, "byte")}, ${shown.join(", ")}`, undefined)
}

/** Joins spans that follow each other. */
function group(contents: readonly PacketContent[]): (SpanEvent[] | Exclude<PacketContent, SpanEvent>)[] {
  const groups: (SpanEvent[] | Exclude<PacketContent, SpanEvent>)[] = []
  for (const content of contents) {
    const last = groups.at(-1)
    if (content.kind !== "span") groups.push(content)
    else if (Array.isArray(last)) last.push(content)
    else groups.push([content])
  }
  return groups
}

function arrow({ direction }: PacketEvent): string {
  return direction === "out" ? colours.cyan("A7 --> M4") : colours.magenta("A7 <-- M4")
}

function messageText({ message, roundTripMs }: Extract<PacketContent, { kind: "message" }>): string {
  const where = message.devNum === undefined ? "bus" : `device ${message.devNum}`
  const text = message.text || (message.kind === "response" ? "done" : "")
  return columns(where, message.name, text, roundTripMs)
}

function requestText({ devNum, queueIndex, text, ok, phase, roundTripMs }: RequestEvent): string {
  const shown = ok === false ? colours.yellow(text) : text
  const name = `${phase === "used" ? "<" : ">"} queue ${queueIndex}`
  return columns(`device ${devNum}`, name, shown, roundTripMs)
}

function columns(where: string, name: string, text: string, roundTripMs: number | undefined): string {
  const time = roundTripMs === undefined ? "" : colours.dim(` (${roundTripMs.toFixed(1)} ms)`)
  return `${colours.dim(where.padEnd(8))}  ${colours.bold(name.padEnd(NAME_WIDTH))} ${text}${time}`
}

function spansText(spans: readonly SpanEvent[]): string {
  const records = spans.flatMap((span) => span.records)
  const parts = new Map<string, Set<number>>()
  for (const { devNum, queueIndex, part, index } of records) {
    const key = `device ${devNum} queue ${queueIndex}: ${part}`
    const indexes = parts.get(key) ?? new Set()
    if (index !== undefined) indexes.add(index)
    parts.set(key, indexes)
  }
  const inRings = [...parts].map(([part, indexes]) => `${part} ${ranges([...indexes])}`.trimEnd())
  const inBuffers = spans.reduce((sum, span) => sum + (span.records.length > 0 ? 0 : span.bytes.length), 0)
  const bytes = spans.reduce((sum, span) => sum + span.bytes.length, 0)
  const what = [...inRings, ...(inBuffers > 0 ? [`buffers: ${counted(inBuffers, "byte")}`] : [])].join("; ")
  return colours.dim(`${"window".padEnd(8)}  ${counted(bytes, "byte").padEnd(NAME_WIDTH)} ${what}`.trimEnd())
}

/** "0-2, 5" for 0, 1, 2, 5. */
function ranges(numbers: number[]): string {
  const sorted = numbers.sort((a, b) => a - b)
  const runs: [number, number][] = []
  for (const number of sorted) {
    const last = runs.at(-1)
    if (last && last[1] + 1 === number) last[1] = number
    else runs.push([number, number])
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(", ")
}

function remarkLine(
  time: string,
  where: string,
  { severity, row, text }: PacketEvent["remarks"][number],
): string {
  const words = [where, severity === "breach" ? `breach of ${row}` : severity === "warning" ? "warning" : ""]
    .filter((word) => word !== "")
    .join(", ")
  const line = `${words === "" ? "" : `${words}: `}${text}`
  const paint = { note: colours.dim, warning: colours.yellow, breach: colours.red }[severity]
  return `${time}  ${paint(line)}`
}
