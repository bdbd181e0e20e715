// The chosen rung in full: what the specification says about it, the fields of the message, the bytes of the packet,
// and what the packet wrote into the window.

import { counted } from "../../../src/counted.js"
import { hex, hexBytes, hexDigits } from "../../../src/hex.js"
import type { Field } from "../../../src/trace/field.js"
import { packetFields } from "../../../src/trace/packet-fields.js"
import type { QueueRecord, Remark, RequestEvent, SpanEvent } from "../../../src/trace/trace-event.js"
import { describeByte, queueRegions } from "../wire/regions.js"
import type { MessageRow, Row, SeenPacket } from "../wire/row.js"
import type { WireModel } from "../wire/wire-model.js"
import { byId, element, setText } from "./dom.js"
import type { LadderView } from "./ladder.js"
import { formatTime } from "./rung.js"
import { specWords } from "./spec-words.js"

/** Values with more characters are broken into lines. */
const LONG_VALUE = 24
/** Shown in place of a time. */
const IN_FLIGHT = "in flight"

export class Inspector {
  readonly #model: WireModel
  readonly #body = byId("inspector-body")
  readonly #title = byId("inspector-title")
  readonly #tools = byId("inspector-tools")
  readonly #partner = byId<HTMLButtonElement>("inspect-partner")
  readonly #hint = this.#body.firstElementChild as Element
  /** The chosen row, with a cell for the time of each of its requests. */
  #waiting: { readonly row: MessageRow; readonly times: readonly HTMLElement[] } | undefined

  constructor(model: WireModel, ladder: LadderView) {
    this.#model = model
    this.#body.tabIndex = 0 // it scrolls
    ladder.onChoose = (row) => this.#show(row)
    model.onRow.on(() => this.#fillTimes())
    this.#partner.addEventListener("click", () => {
      const row = ladder.chosen
      if (row?.kind === "message" && row.answers) ladder.choose(row.answers.index)
    })
    this.#body.addEventListener("pointerover", (event) => this.#light(event.target as Element))
    this.#body.addEventListener("pointerleave", () => this.#light(undefined))
  }

  #show(row: Row | undefined): void {
    this.#waiting = undefined
    this.#tools.hidden = !(row?.kind === "message" && row.answers)
    this.#body.scrollTop = 0
    if (!row) {
      setText(this.#title, "Message")
      this.#body.replaceChildren(this.#hint)
      return
    }
    if (row.kind === "remark") {
      setText(this.#title, "Remark")
      this.#body.replaceChildren(element("p", { class: "says" }, row.text))
      return
    }
    const { packet } = row
    this.#body.style.setProperty("--side", packet.direction === "out" ? "var(--a7)" : "var(--m4)")
    const parts: Node[] = [factsLine(row)]
    if (row.kind === "message") {
      setText(this.#title, `${row.message.name}, ${row.message.kind}`)
      setText(this.#partner, row.message.kind === "response" ? "Its request" : "Its kick")
      parts.push(...saysOf(row), ...remarkList([...packet.remarks, ...row.remarks]))
      if (row.requests.length > 0) parts.push(element("h3", {}, "What it announces"), this.#requestTable(row))
      parts.push(element("h3", {}, "Fields of the message"), fieldTable(row.message.fields, row.offset))
    } else if (row.kind === "memory") {
      setText(this.#title, "Memory")
      const text =
        "Changed bytes of the shared window alone: they did not fit the packet of the message that announces them."
      parts.push(element("p", { class: "says" }, text))
    } else {
      setText(this.#title, "A packet without records")
      parts.push(element("p", { class: "says" }, `It says: ${row.text}.`))
    }
    const spans = row.kind === "signal" ? [] : row.spans
    if (spans.length > 0)
      parts.push(element("h3", {}, "What it wrote into the window"), this.#spanTable(spans))
    parts.push(
      element("h3", {}, `The packet's ${counted(packet.bytes.length, "byte")}`),
      byteGrid(packet, row),
    )
    this.#body.replaceChildren(...parts)
  }

  #requestTable(row: MessageRow): HTMLElement {
    const times = row.requests.map((request) =>
      element("td", { class: "short" }, timeOf(request, this.#model.usedFrom(row, request))),
    )
    this.#waiting = { row, times }
    return table(
      ["head", "request", "time"],
      row.requests.map(({ head, text }, at) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, `chain ${head}`),
          element("td", { class: "long" }, text),
          times[at] as HTMLElement,
        ),
      ),
    )
  }

  /** For each new row: it may answer a request that the chosen row announces. */
  #fillTimes(): void {
    if (!this.#waiting) return
    const { row, times } = this.#waiting
    for (const [at, request] of row.requests.entries())
      if (times[at]?.textContent === IN_FLIGHT)
        setText(times[at], timeOf(request, this.#model.usedFrom(row, request)))
  }

  #spanTable(spans: readonly SpanEvent[]): HTMLElement {
    const regions = this.#model.queues.flatMap((queue) => queueRegions(queue, this.#model.areas))
    const rows = spans.map(({ area, areaOffset, bytes, offset, records }) => {
      const name = area === 1 ? "driver" : "device"
      const region = regions.findLast(
        (one) => one.area === name && areaOffset >= one.offset && areaOffset < one.offset + one.length,
      )
      const what = records.map(recordText).join("; ") || (region ? describeByte(region, areaOffset) : "")
      return element(
        "tr",
        { "data-from": offset, "data-to": offset + bytes.length },
        element("th", { scope: "row" }, `${area}:${hex(areaOffset, 4)}`),
        element("td", { class: "long" }, hexBytes(bytes, " ")),
        element("td", {}, what),
      )
    })
    return table(["place", "bytes", "what it is"], rows)
  }

  /** Lights the bytes that belong to a row of a table. */
  #light(target: Element | undefined): void {
    const range = target?.closest<HTMLElement>("[data-from]")?.dataset
    for (const cell of this.#body.querySelectorAll<HTMLElement>(".bytes [data-at]")) {
      const at = Number(cell.dataset.at)
      const isLit = range !== undefined && at >= Number(range.from) && at < Number(range.to)
      cell.classList.toggle("lit", isLit)
    }
  }
}

function factsLine(row: Exclude<Row, { kind: "remark" }>): HTMLElement {
  const { packet } = row
  const { contents } = packet
  const facts = [
    packet.direction === "out" ? "A7 to M4" : "M4 to A7",
    formatTime(row.atMs),
    `packet ${packet.number}${contents.hasData ? `, sequence ${contents.sequence}` : ""}`,
    `acknowledges ${contents.acknowledgement}`,
  ]
  if (contents.isConnect) facts.push("begins an epoch")
  if (packet.isRepetition) facts.push("sent again")
  if (packet.fate !== "delivered")
    facts.push(`never arrived: ${packet.fate === "cut" ? "the cable is cut" : packet.fate}`)
  if (row.kind === "message" && row.answers) facts.push(`${row.answers.tookMs.toFixed(1)} ms later`)
  return element("p", { class: "facts-line" }, ...facts.map((fact) => element("span", {}, fact)))
}

function saysOf({ message }: MessageRow): HTMLElement[] {
  const words = specWords(message)
  if (!words) return []
  return [element("p", { class: "says" }, `${words.says} `, element("cite", {}, `(${words.section})`))]
}

function fieldTable(fields: readonly Field[], start: number): HTMLElement {
  const rows = fields.map(({ name, value, meaning, offset, length }) => {
    const text = formatValue(value)
    return element(
      "tr",
      { "data-from": start + offset, "data-to": start + offset + length },
      element("th", { scope: "row" }, name),
      element("td", { class: text.length > LONG_VALUE && "long" }, text),
      element("td", {}, meaning ?? ""),
    )
  })
  return table(["field", "value", "meaning"], rows)
}

function formatValue(value: number | string): string {
  if (typeof value === "string") return value
  return value < 10 ? String(value) : `${value} = ${hex(value)}`
}

/** How long a chain took after it was made available. `answer` is the chain as it came back. */
function timeOf(request: RequestEvent, answer: RequestEvent | undefined): string {
  const { phase, roundTripMs } = request.phase === "available" ? (answer ?? request) : request
  if (roundTripMs !== undefined) return `${roundTripMs.toFixed(1)} ms`
  return phase === "available" ? IN_FLIGHT : "its kick was not seen"
}

function remarkList(remarks: readonly Remark[]): HTMLElement[] {
  if (remarks.length === 0) return []
  const items = remarks.map(({ severity, text, row }) =>
    element("li", { "data-severity": severity }, row ? `${row}: ${text}` : text),
  )
  return [element("ul", { class: "remarks" }, ...items)]
}

/** "descriptor 4: addr 0x..., len 8" */
function recordText({ part, index, fields }: QueueRecord): string {
  const values = fields.map(({ name, value, meaning }) => `${name} ${meaning || value}`)
  return `${part}${index === undefined ? "" : ` ${index}`}: ${values.join(", ")}`
}

function byteGrid(packet: SeenPacket, row: Row): HTMLElement {
  const isNarrow = matchMedia("(max-width: 480px)").matches
  const columns = isNarrow ? 8 : 16
  const grid = element("div", { class: "bytes", role: "img", "aria-label": hexBytes(packet.bytes, " ") })
  for (const [at, byte] of packet.bytes.entries()) {
    if (at % columns === 0) grid.append(element("span", { class: "offset" }, hexDigits(at, 2)))
    const [kind, title] = whatIs(packet, at, row)
    grid.append(element("span", { class: kind, title, "data-at": at }, hexDigits(byte, 2)))
  }
  return grid
}

/** The part of a packet that the byte at `at` belongs to: its class in the grid, and a title. */
function whatIs(packet: SeenPacket, at: number, row: Row): [kind: string, title: string] {
  const field = packetFields(packet.bytes).find(({ offset, length }) => at >= offset && at < offset + length)
  if (field) return ["head", `packet header: ${field.name}`]
  const record = packet.contents.records.find((one) => at >= one.at && at < one.at + one.length)
  if (!record) return ["head", "head of a record"]
  if (record.kind === "span") return ["span", `window offset ${hex(record.offset + at - record.at)}`]
  const isChosen = row.kind === "message" && row.offset === record.at
  return [isChosen ? "here" : "record", isChosen ? "this message" : "another message of the packet"]
}

function table(heads: readonly string[], rows: readonly HTMLElement[]): HTMLElement {
  return element(
    "table",
    { class: "fields" },
    element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, ...rows),
  )
}
