// Runs the bridge's rows against a device model. Each row starts the model anew, against a kernel that the suite
// plays.

import { type Clock, systemClock } from "../../clock.js"
import { type Report, type RowResult, resultOf, sortAs, unchecked } from "../result.js"
import { unlessVerdict } from "../verdict.js"
import type { BridgeRow } from "./bridge-row.js"
import { ModelBench, type ModelSubject } from "./model-bench.js"
import { PlayedKernel } from "./played-kernel.js"

export interface CheckModelOptions {
  readonly rows: readonly BridgeRow[]
  readonly clock?: Clock
  /** Models that run at the same time; 1 when absent. */
  readonly mostAtOnce?: number
  readonly onResult?: (result: RowResult) => void
}

/** Checks all `rows`. Rejects only when a model cannot be started, or when nothing can be played. */
export async function checkModel(
  subject: ModelSubject,
  { rows, clock = systemClock, mostAtOnce = 1, onResult }: CheckModelOptions,
): Promise<Report> {
  const startMs = clock.now()
  const results: RowResult[] = []
  const runs: ModelBench[] = []
  const keep = (result: RowResult) => {
    results.push(result)
    onResult?.(result)
  }
  const begin = async (action: (bench: ModelBench) => Promise<void>) => {
    const bench = new ModelBench(subject, await PlayedKernel.make())
    runs.push(bench)
    try {
      await action(bench)
    } finally {
      await bench.stop()
    }
  }
  const waiting = rows.filter(({ check }) => check !== undefined)
  // rows that judge all runs need one run at least
  if (waiting.length === 0) await begin((bench) => bench.ready().then(() => {}, unlessVerdict))
  const work = async () => {
    for (let row = waiting.shift(); row; row = waiting.shift()) {
      const current = row
      await begin(async (bench) => keep(await judged(current, bench, () => current.check?.(bench))))
    }
  }
  await Promise.all(Array.from({ length: mostAtOnce }, work))
  for (const row of rows) if (row.judge) keep(await judgedIn(row, runs))
  sortAs(rows, results)
  return {
    subject: subject.name,
    facts: ["the suite plays the kernel behind /dev/virtio-msg-bridge, version 1, and a driver"],
    results,
    tookMs: clock.now() - startMs,
  }
}

/** The first run in which the row does not hold, else any. */
async function judgedIn(row: BridgeRow, runs: readonly ModelBench[]): Promise<RowResult> {
  let result: RowResult | undefined
  for (const bench of runs) {
    result = await judged(row, bench, () => row.judge?.(bench))
    if (result.status === "fail") return result
  }
  return result ?? unchecked(row, "skipped", "The model was not started.")
}

const judged = (row: BridgeRow, { conversation }: ModelBench, check: () => Promise<void> | void) =>
  resultOf(row, check, () => conversation.history)
