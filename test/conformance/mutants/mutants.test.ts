// The suite is tested by wrong devices and wrong drivers, one fault each: exactly the rows concerned fail. A suite that
// cannot fail proves nothing.

import { describe, expect, it } from "vitest"
import { systemClock } from "../../../host/src/clock.js"
import { checkDriver } from "../../../host/src/conformance/check-driver.js"
import { TABLE } from "../../../host/src/conformance/table.js"
import { inProcessDriver } from "../in-process-driver.js"
import { BUS_MUTANTS } from "./bus-mutants.js"
import { DRIVER_MUTANTS } from "./driver-mutants.js"
import { MESSAGE_MUTANTS } from "./message-mutants.js"
import { QUEUE_MUTANTS } from "./queue-mutants.js"
import { STATE_MUTANTS } from "./state-mutants.js"
import { failuresOf } from "./wrong-device.js"

/** The issue asks for 60 rows that a mutant makes fail. */
const LEAST_ROWS = 60
const wrongDevices = [MESSAGE_MUTANTS, BUS_MUTANTS, STATE_MUTANTS, QUEUE_MUTANTS].flatMap(mutantsOf)
const wrongDrivers = mutantsOf(DRIVER_MUTANTS)
const driverRows = TABLE.filter((row) => row.driver !== undefined)

/** The key of a mutant names the rows that fail, and only these, and says what it does. */
function mutantsOf<Fault>(table: Readonly<Record<string, Fault>>) {
  return Object.entries(table).map(([title, fault]) => {
    const [ids = "", what = ""] = title.split(": ")
    return { title, rows: ids.split(" "), what, fault }
  })
}

const sorted = (ids: readonly string[]) => [...new Set(ids)].sort()

describe("the device without a fault", () => {
  it("fails no row, so that what a mutant fails is its fault's doing", async () => {
    expect((await failuresOf({})).map(({ row, detail }) => `${row.id}: ${detail}`)).toEqual([])
  })
})

describe("a device that", () => {
  it.each(wrongDevices)("$title", async ({ rows, fault }) => {
    const failures = await failuresOf(fault)
    expect(sorted(failures.map(({ row }) => row.id))).toEqual(sorted(rows))
    // each says what it saw, with the messages around it
    for (const { detail, exchanges } of failures) {
      expect(detail).toMatch(/^[^.].*\.$/)
      expect(exchanges.length).toBeGreaterThanOrEqual(0)
    }
  })
})

describe("a driver that", () => {
  it.each(wrongDrivers)("$title", async ({ rows, fault }) => {
    const report = await checkDriver(inProcessDriver(fault), {
      rows: driverRows,
      name: "a mutant",
      clock: systemClock,
    })
    const failures = report.results.filter(({ status }) => status === "fail")
    expect(sorted(failures.map(({ row }) => row.id))).toEqual(sorted(rows))
  })
})

describe("the mutants", () => {
  it("are for rows that exist, and for enough of them", () => {
    const rows = sorted([...wrongDevices, ...wrongDrivers].flatMap((mutant) => mutant.rows))
    expect(rows.filter((id) => !TABLE.some((row) => row.id === id))).toEqual([])
    expect(rows.length).toBeGreaterThanOrEqual(LEAST_ROWS)
  })

  it("are told apart", () => {
    const whats = [
      ...wrongDevices.map(({ what }) => what),
      ...wrongDrivers.map(({ what }) => `driver: ${what}`),
    ]
    expect(whats.filter((what, at) => whats.indexOf(what) !== at)).toEqual([])
  })
})
