// The results: one for each row, and their sum.

import type { Exchange } from "./conversation.js"
import type { RowText } from "./row.js"
import { type Status, Verdict } from "./verdict.js"

/** Messages shown with a failure. */
export const EXCHANGES_SHOWN = 8

export interface RowResult {
  readonly row: RowText
  readonly status: Status
  /** Why, unless it passed. */
  readonly detail: string
  /** The device that it is about, if there are several. */
  readonly devNum?: number
  /** The last messages before a failure, oldest first. */
  readonly exchanges: readonly Exchange[]
}

export interface Report {
  /** What was tested: a port's name, or a command. */
  readonly subject: string
  /** Its own words, one fact a line. */
  readonly facts: readonly string[]
  readonly results: readonly RowResult[]
  /** By what a peer of an older draft was recognised. Undefined for a peer of this revision. */
  readonly draft?: string
  readonly tookMs: number
}

export type Counts = Record<Status, number>

export function countsOf(results: readonly RowResult[]): Counts {
  const counts: Counts = { pass: 0, fail: 0, blocked: 0, skipped: 0, "not observable": 0 }
  for (const { status } of results) counts[status]++
  return counts
}

/** Whether the peer conforms, as far as this was checked: no MUST failed, and none could not be judged. */
export function isConforming(report: Report): boolean {
  return (
    report.draft === undefined &&
    !report.results.some(
      ({ row, status }) => row.level === "MUST" && (status === "fail" || status === "blocked"),
    )
  )
}

const SEVERITY: readonly Status[] = ["not observable", "skipped", "pass", "blocked", "fail"]

/** The result that stands for several of the same row: the worst. */
export function worst(results: readonly RowResult[]): RowResult {
  return results.reduce((a, b) => (SEVERITY.indexOf(b.status) > SEVERITY.indexOf(a.status) ? b : a))
}

/** The result of a row that is not checked here; `detail` says why. */
export function unchecked(row: RowText, status: "skipped" | "not observable", detail: string): RowResult {
  return { row, status, detail, exchanges: [] }
}

/** What a check comes to; `messages` are all that it may be about. Rejects with what the check throws beside a verdict. */
export async function resultOf(
  row: RowText,
  check: () => Promise<void> | void,
  messages: () => readonly Exchange[] = () => [],
): Promise<RowResult> {
  try {
    await check()
    return { row, status: "pass", detail: "", exchanges: [] }
  } catch (error) {
    if (!(error instanceof Verdict)) throw error
    const { status, message } = error
    const exchanges = status === "skipped" ? [] : messages().slice(-EXCHANGES_SHOWN)
    return { row, status, detail: message, exchanges }
  }
}

/** Puts results into the order of the rows. */
export function sortAs(rows: readonly RowText[], results: RowResult[]): void {
  results.sort((a, b) => rows.indexOf(a.row) - rows.indexOf(b.row))
}
