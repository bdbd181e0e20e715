// Runs the rows against a driver and its side of the bus. Each row asks for the scenarios that it needs.

import { getU16 } from "../../../shared-protocol/src/bytes.js"
import type { Clock } from "../clock.js"
import type { Exchange } from "./conversation.js"
import { draftOfDriver } from "./drafts.js"
import { DriverRuns, type DriverSubject, isTransport } from "./driver/driver-runs.js"
import { SCENARIOS } from "./driver/scenarios.js"
import type { ScriptedBus } from "./driver/scripted-bus.js"
import { EXCHANGES_SHOWN, type Report, type RowResult, resultOf, sortAs, unchecked } from "./result.js"
import type { Row } from "./row.js"
import { unlessVerdict } from "./verdict.js"

/** With more rows than these nearly every scenario is needed. */
const MANY_ROWS = 20

export interface CheckDriverOptions {
  readonly rows: readonly Row[]
  /** The driver, as the user named it. */
  readonly name: string
  readonly clock: Clock
  /** Told how many scenarios have been run. Not called when only some rows are wanted. */
  readonly onProgress?: (done: number, total: number) => void
}

/** Checks all `rows` against a driver. Rejects only when it cannot be started. */
export async function checkDriver(subject: DriverSubject, options: CheckDriverOptions): Promise<Report> {
  const startMs = options.clock.now()
  const runs = new DriverRuns(subject)
  const plain = await runs.run("plain")
  // starts all at once, because several processes keep several processors busy
  let done = 0
  if (options.rows.length > MANY_ROWS)
    await Promise.all(
      SCENARIOS.map(async ({ name }) => {
        await runs.run(name).catch(unlessVerdict)
        options.onProgress?.(++done, SCENARIOS.length)
      }),
    )
  const draft = plain.isDone ? undefined : await draftOfDriver(plain, (scenario) => runs.probe(scenario))
  const base = {
    subject: options.name,
    facts: [
      `the suite plays the bus, an I2C adapter (device ${plain.bus.i2c.devNum}) and a console (device ${plain.bus.console.devNum})`,
      ...(plain.isDone ? [] : [`where everything is right, the driver fails: ${plain.how}`]),
    ],
    tookMs: 0,
  }
  if (draft !== undefined) return { ...base, results: [], draft }
  const results: RowResult[] = []
  const passive = (row: Row) => (row.isPassive ? 1 : 0)
  for (const row of [...options.rows].sort((a, b) => passive(a) - passive(b)))
    results.push(await checkRow(row, runs))
  sortAs(options.rows, results)
  return { ...base, results, tookMs: options.clock.now() - startMs }
}

async function checkRow(row: Row, runs: DriverRuns): Promise<RowResult> {
  const { driver, reason } = row
  if (reason !== undefined) return unchecked(row, "not observable", reason)
  if (!driver) return unchecked(row, "skipped", "Checked against a device: virtio-msg conform.")
  runs.lastAsked = undefined
  const result = await resultOf(row, () => driver(runs))
  const name = runs.lastAsked as string | undefined
  if (result.status === "pass" || result.status === "skipped" || name === undefined) return result
  const { bus } = await runs.run(name)
  // what the driver met decides what it should have done
  const met = name === "plain" ? "" : ` (Scenario ${name}: ${bus.scenario.what})`
  return { ...result, detail: result.detail + met, exchanges: shown(bus) }
}

/** The last messages, without those of the device that the scenario is not about: the driver goes on with that one. */
function shown(bus: ScriptedBus): Exchange[] {
  const { scenario, transcript } = bus
  const device = scenario.about && bus[scenario.about]
  return transcript
    .filter(({ frame }) => !device || !isTransport(frame) || getU16(frame, 2) === device.devNum)
    .slice(-EXCHANGES_SHOWN)
}
