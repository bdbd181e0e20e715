// One rung of the ladder, as it is drawn: the time, the direction, and the text of a row.

import { counted } from "../../../src/counted.js"
import { type MessageRow, memoryBytes, type Row } from "../wire/row.js"
import { element } from "./dom.js"

/** The element for a row that stands for `count` rows. */
export function makeRung(row: Row, count: number): HTMLElement {
  const rung = element("div", { id: `rung-${row.index}`, role: "option", "data-index": row.index })
  const [seconds, unit] = formatTime(row.atMs).split(" ") as [string, string]
  const at = element("span", { class: "at" }, seconds, element("span", { class: "unit" }, ` ${unit}`))
  if (row.kind === "remark") {
    rung.className = `rung remark ${row.tone}`
    rung.append(at, element("span", { class: "text" }, element("span", {}, row.text)))
    return rung
  }
  const { packet } = row
  const isLost = packet.fate !== "delivered"
  const isResponse = row.kind === "message" && row.message.kind === "response"
  rung.className = `rung ${packet.direction} ${row.kind}`
  if (isResponse) rung.classList.add("response")
  if (isLost) rung.classList.add("lost")
  else if (packet.contents.hasData && !packet.isTaken) rung.classList.add("refused")
  const [name, says] = words(row)
  const chips = element("span", { class: "chips" })
  if (count > 1)
    chips.append(
      element("span", { class: "times", title: `${count} times; this is the newest` }, `×${count}`),
    )
  if (isLost)
    chips.append(element("span", { class: "warn" }, packet.fate === "cut" ? "cable cut" : packet.fate))
  if (packet.isRepetition) chips.append(element("span", { class: "warn" }, "again"))
  if (row.kind === "message" && row.spans.length > 0)
    chips.append(element("span", { class: "memory" }, `+${memoryBytes(row.spans)} B memory`))
  if (row.kind === "message" && row.answers)
    chips.append(element("span", {}, `${row.answers.tookMs.toFixed(1)} ms`))
  const text = element("span", { class: "text" })
  text.append(element("span", { class: "name" }, name), element("span", { class: "says" }, says), chips)
  const way = packet.direction === "out" ? " A7 to M4: " : " M4 to A7: "
  rung.append(at, element("span", { class: "sr" }, way), text, element("span", { class: "arrow" }))
  return rung
}

function words(row: Exclude<Row, { kind: "remark" }>): [name: string, says: string] {
  if (row.kind === "message") return [row.message.name, saysOf(row)]
  if (row.kind === "signal") return ["", row.text]
  return ["memory", `${counted(memoryBytes(row.spans), "byte")} in ${counted(row.spans.length, "span")}`]
}

/** The text of a message. For a kick or an interrupt, also the requests that it announces. */
function saysOf({ message, requests }: MessageRow): string {
  const [first, ...more] = requests
  if (!first) return message.text
  return `${message.text}: ${first.text}${more.length > 0 ? `, and ${more.length} more` : ""}`
}

/** "12.345 s" */
export function formatTime(atMs: number): string {
  return `${(atMs / 1000).toFixed(3)} s`
}
