// The suite is tested by wrong devices and their buses, one fault each: exactly the rows concerned fail. A suite that
// cannot fail proves nothing.

import { describe, expect, it } from "vitest"
import { BUS_MUTANTS } from "./bus-mutants.js"
import { MESSAGE_MUTANTS } from "./message-mutants.js"
import { mutantsOf, sorted } from "./mutant.js"
import { QUEUE_MUTANTS } from "./queue-mutants.js"
import { STATE_MUTANTS } from "./state-mutants.js"
import { failuresOf } from "./wrong-device.js"

describe("the device without a fault", () => {
  it("fails no row, so that what a mutant fails is its fault's doing", async () => {
    expect((await failuresOf({})).map(({ row, detail }) => `${row.id}: ${detail}`)).toEqual([])
  })
})

describe("a device that", () => {
  const tables = [MESSAGE_MUTANTS, BUS_MUTANTS, STATE_MUTANTS, QUEUE_MUTANTS]
  it.each(tables.flatMap(mutantsOf))("$title", async ({ rows, fault }) => {
    const failures = await failuresOf(fault)
    expect(sorted(failures.map(({ row }) => row.id))).toEqual(sorted(rows))
    // each says what it saw, with the messages around it
    for (const { detail, exchanges } of failures) {
      expect(detail).toMatch(/^[^.].*\.$/)
      expect(exchanges.length).toBeGreaterThanOrEqual(0)
    }
  })
})
