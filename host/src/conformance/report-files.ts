// The suite's report for programs: JSON, and JUnit's XML, which most CI systems show.

import { hexBytes } from "../hex.js"
import { describeMessage } from "../trace/describe-message.js"
import type { Exchange } from "./conversation.js"
import { printable } from "./printable.js"
import { countsOf, isConforming, type Report, type RowResult } from "./result.js"

/** What `--json` prints. */
export function reportAsJson(report: Report) {
  return {
    subject: report.subject,
    facts: report.facts,
    conforming: isConforming(report),
    draft: report.draft ?? null,
    counts: countsOf(report.results),
    tookMs: Math.round(report.tookMs),
    rows: report.results.map(({ row, status, detail, devNum, exchanges }) => ({
      id: row.id,
      side: row.side,
      level: row.level,
      section: row.section,
      requirement: row.requirement,
      status,
      detail: detail === "" ? null : detail,
      device: devNum ?? null,
      exchanges: exchanges.map(({ direction, frame }) => {
        const { name, kind, text } = describeMessage(frame)
        return { direction, bytes: hexBytes(frame), name, kind, text }
      }),
    })),
  }
}

/** A JUnit test suite: one case a row. Recommendations that are not followed do not fail. */
export function reportAsJunit(report: Report): string {
  const cases = report.results.map((result) => testCase(report.subject, result))
  const failures = report.results.filter(isFailure).length
  const skipped = report.results.filter((result) => isSkipped(result)).length
  const draft =
    report.draft === undefined
      ? []
      : [
          `    <testcase classname="conformance" name="revision"><failure message=${quoted(report.draft)}/></testcase>`,
        ]
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<testsuites>",
    `  <testsuite name=${quoted(`virtio-msg conformance of ${report.subject}`)} tests="${cases.length + draft.length}" ` +
      `failures="${failures + draft.length}" skipped="${skipped}" time="${(report.tookMs / 1000).toFixed(3)}">`,
    ...draft,
    ...cases,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n")
}

function isFailure({ row, status }: RowResult): boolean {
  return row.level === "MUST" && (status === "fail" || status === "blocked")
}

function isSkipped(result: RowResult): boolean {
  return !isFailure(result) && result.status !== "pass"
}

function testCase(subject: string, result: RowResult): string {
  const { row, detail } = result
  const open = `    <testcase classname=${quoted(`${subject}.${row.side}`)} name=${quoted(`${row.id} ${row.requirement}`)}`
  if (isFailure(result)) {
    const bytes = result.exchanges.flatMap((exchange) => exchangeLines(exchange)).join("\n")
    return `${open}><failure message=${quoted(detail)}>${escaped(bytes)}</failure></testcase>`
  }
  if (isSkipped(result))
    return `${open}><skipped message=${quoted(`${result.status}: ${detail}`)}/></testcase>`
  return `${open}/>`
}

/** What one message says, and its bytes. */
function exchangeLines({ direction, frame }: Exchange): string[] {
  const { name, kind, text } = describeMessage(frame)
  const words = [name, kind, text].filter((part) => part !== "").join(", ")
  return [`${direction === "out" ? "sent" : "received"} ${words}`, hexBytes(frame)]
}

function quoted(text: string): string {
  return `"${escaped(text)}"`
}

function escaped(text: string): string {
  return printable(text).replace(/[&<>"\n\t]/g, (character) => `&#${character.charCodeAt(0)};`)
}
