// Five golden scenarios, interrupted at every packet of each (docs/faults.md).

import { describe, expect, it } from "vitest"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { CRASHES, crashEverywhere, SCENARIOS } from "../faults/crash-points.js"

describe.each(CRASHES)("when %s", (crash) => {
  it.each(Object.keys(SCENARIOS))(
    "in place of any packet of %s, the call ends rightly and the next one works",
    { timeout: 120_000 },
    async (name) => {
      const scenario = SCENARIOS[name]
      if (!scenario) throw new Error(`no scenario ${name}`)
      const report = await crashEverywhere(readFirmware("simulated"), scenario, crash)
      expect(report.problems).toEqual([])
      expect(report.points).toBeGreaterThanOrEqual(2)
      console.info(`${name}: interrupted at ${report.points} packets`)
    },
  )
})
