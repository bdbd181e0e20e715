// The tables of mutants themselves: what they claim to test is there, and is enough.

import { describe, expect, it } from "vitest"
import { TABLE } from "../../../host/src/conformance/table.js"
import { BUS_MUTANTS } from "./bus-mutants.js"
import { DRIVER_MUTANTS } from "./driver-mutants.js"
import { MESSAGE_MUTANTS } from "./message-mutants.js"
import { mutantsOf, sorted } from "./mutant.js"
import { QUEUE_MUTANTS } from "./queue-mutants.js"
import { STATE_MUTANTS } from "./state-mutants.js"

/** The issue asks for 60 rows that a mutant makes fail. */
const LEAST_ROWS = 60

const wrongDevices = [MESSAGE_MUTANTS, BUS_MUTANTS, STATE_MUTANTS, QUEUE_MUTANTS].flatMap(mutantsOf)
const wrongDrivers = mutantsOf(DRIVER_MUTANTS)

describe("the mutants", () => {
  it("are for rows that exist, and for enough of them", () => {
    const rows = sorted([...wrongDevices, ...wrongDrivers].flatMap((mutant) => mutant.rows))
    expect(rows.filter((id) => !TABLE.some((row) => row.id === id))).toEqual([])
    expect(rows.length).toBeGreaterThanOrEqual(LEAST_ROWS)
  })

  it("are told apart", () => {
    for (const mutants of [wrongDevices, wrongDrivers]) {
      const whats = mutants.map(({ what }) => what)
      expect(whats.filter((what, at) => what === "" || whats.indexOf(what) !== at)).toEqual([])
    }
  })
})
