// The suite is tested by wrong drivers, one fault each: exactly the rows concerned fail.

import { describe, expect, it } from "vitest"
import { systemClock } from "../../../host/src/clock.js"
import { checkDriver } from "../../../host/src/conformance/check-driver.js"
import { TABLE } from "../../../host/src/conformance/table.js"
import { inProcessDriver } from "../in-process-driver.js"
import { DRIVER_MUTANTS } from "./driver-mutants.js"
import { mutantsOf, sorted } from "./mutant.js"

const driverRows = TABLE.filter((row) => row.driver !== undefined)

describe("a driver that", () => {
  it.each(mutantsOf(DRIVER_MUTANTS))("$title", async ({ rows, fault }) => {
    const report = await checkDriver(inProcessDriver(fault), {
      rows: driverRows,
      name: "a mutant",
      clock: systemClock,
    })
    const failures = report.results.filter(({ status }) => status === "fail")
    expect(sorted(failures.map(({ row }) => row.id))).toEqual(sorted(rows))
  })
})
