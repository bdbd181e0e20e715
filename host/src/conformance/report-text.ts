// The suite's report as a person reads it: what was tested, what failed with the messages around it, and counts.

import { counted, upperFirst } from "../counted.js"
import { hexBytes } from "../hex.js"
import { describeMessage } from "../trace/describe-message.js"
import type { Exchange } from "./conversation.js"
import { draftOf, draftSentence } from "./drafts.js"
import { printable } from "./printable.js"
import { countsOf, isConforming, type Report, type RowResult } from "./result.js"
import type { Level } from "./row.js"
import type { Status } from "./verdict.js"

/** How words are coloured, by their meaning. */
export interface Paint {
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly dim: (text: string) => string
  readonly strong: (text: string) => string
}

export interface TextOptions {
  readonly paint: Paint
  /** Columns of the terminal; long sentences wrap. */
  readonly columns: number
  /** Show every row, also those that passed. */
  readonly isVerbose: boolean
}

const LABELS: Readonly<Record<Status, string>> = {
  pass: "pass",
  fail: "FAIL",
  blocked: "BLOCKED",
  skipped: "skipped",
  "not observable": "unseen",
}
const LABEL_WIDTH = 8
const ID_WIDTH = 6
/** So many bytes of a frame are shown. Of the others, the number is told. */
const BYTES_SHOWN = 64

/** The whole report, line by line. */
export function formatReport(report: Report, options: TextOptions): string[] {
  const { paint } = options
  const lines = [
    paint.strong(`Conformance of ${report.subject}`),
    ...report.facts.map((fact) => `  ${fact}`),
    "",
  ]
  if (report.draft !== undefined) return [...lines, paint.bad(upperFirst(`${report.draft}.`)), ""]
  const shown = report.results.filter(({ status }) => options.isVerbose || status !== "pass")
  for (const result of shown) lines.push(...formatResult(result, options))
  if (shown.length > 0) lines.push("")
  lines.push(...summary(report, paint))
  return lines
}

function formatResult(result: RowResult, { paint, columns }: TextOptions): string[] {
  const { row, status, detail, devNum } = result
  const colour =
    status === "pass" ? paint.good : status === "fail" || status === "blocked" ? paint.bad : paint.dim
  const level = row.level === "MUST" ? "" : `${row.level}: `
  const where = devNum === undefined ? "" : ` (device ${devNum})`
  const indent = ID_WIDTH + LABEL_WIDTH
  const lines = wrap(`${level}${row.requirement}${where}`, columns - indent)
  const head = `${row.id.padEnd(ID_WIDTH)}${colour(LABELS[status].padEnd(LABEL_WIDTH))}`
  const text = lines.map((line, at) => (at === 0 ? head : " ".repeat(indent)) + line)
  if (detail !== "")
    text.push(...wrap(printable(detail), columns - indent).map((line) => " ".repeat(indent) + colour(line)))
  for (const exchange of result.exchanges) text.push(...formatExchange(exchange, indent, paint))
  return text
}

/** One message: its direction, what it says, and its bytes. */
export function formatExchange({ direction, frame }: Exchange, indent: number, paint: Paint): string[] {
  const draft = direction === "in" ? draftOf(frame) : undefined
  const { name, kind, devNum, text } = describeMessage(frame)
  const words = draft
    ? draftSentence(draft)
    : [name, kind, devNum === undefined ? "" : `device ${devNum}`, text]
        .filter((part) => part !== "")
        .join(", ")
  const bytes = hexBytes(frame.subarray(0, BYTES_SHOWN)).replace(/(.{8})(?=.)/g, "$1 ")
  const more = frame.length > BYTES_SHOWN ? ` ... ${counted(frame.length, "byte")}` : ""
  const margin = " ".repeat(indent)
  return [
    `${margin}${direction === "out" ? "sent     " : "received "}${words}`,
    paint.dim(`${margin}         ${bytes}${more}`),
  ]
}

function summary(report: Report, paint: Paint): string[] {
  const counts = countsOf(report.results)
  const parts = [
    `${counts.pass} passed`,
    `${counts.fail} failed`,
    ...(counts.blocked > 0 ? [`${counts.blocked} blocked by a failure`] : []),
    `${counts.skipped} skipped`,
    `${counts["not observable"]} not observable`,
  ]
  const levels = (["MUST", "SHOULD"] as Level[]).map((level) => {
    const ofLevel = report.results.filter(({ row }) => row.level === level)
    const passed = ofLevel.filter(({ status }) => status === "pass").length
    const judged = ofLevel.filter(({ status }) => status !== "skipped" && status !== "not observable").length
    return `${passed} of ${judged} ${level}`
  })
  const verdict = isConforming(report)
    ? paint.good("Conforms, as far as it could be seen")
    : paint.bad("Does not conform")
  return [
    `${verdict}: ${levels.join(" and ")} rows hold.`,
    `${counted(report.results.length, "row")}: ${parts.join(", ")}.`,
  ]
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > Math.max(20, width)) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line]
}
