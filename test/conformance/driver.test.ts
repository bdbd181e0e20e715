// The suite against our own driver, in process and in virtual time: every MUST that can be observed holds. As a process
// of its own: test/conformance/command.test.ts.

import { describe, expect, it } from "vitest"
import { systemClock } from "../../host/src/clock.js"
import { checkDriver } from "../../host/src/conformance/check-driver.js"
import { SCENARIOS } from "../../host/src/conformance/driver/scenarios.js"
import { isConforming } from "../../host/src/conformance/result.js"
import { TABLE } from "../../host/src/conformance/table.js"
import { inProcessDriver } from "./in-process-driver.js"

const rows = TABLE.filter((row) => row.driver !== undefined || row.side === "driver")

describe("our driver", () => {
  it("does what every row asks of it that can be observed", async () => {
    const report = await checkDriver(inProcessDriver(), { rows, name: "our driver", clock: systemClock })
    const bad = report.results.filter(({ status }) => status === "fail" || status === "blocked")
    expect(bad.map(({ row, detail }) => `${row.id}: ${detail}`)).toEqual([])
    expect(isConforming(report)).toBe(true)
    // what it has no part in: RESET_VQUEUE, EVENT_IDX
    const skipped = report.results.filter(({ status }) => status === "skipped").map(({ row }) => row.id)
    expect(skipped).toEqual(["D56", "D57", "R32"])
  })

  it("meets every scenario in some row", () => {
    const asked = rows.map((row) => String(row.driver)).join()
    // two are only there for rows that look at every run
    const unasked = SCENARIOS.filter(({ name }) => !asked.includes(`"${name}"`)).map(({ name }) => name)
    expect(unasked).toEqual([])
  })
})
