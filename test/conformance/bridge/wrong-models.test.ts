// Every row of the bridge's table is able to fail: for each there is a device model that has one thing wrong, which the
// rows that are about it notice, and of those that judge every run no other.

import { describe, expect, it } from "vitest"
import { checkModel } from "../../../host/src/conformance/bridge/check-model.js"
import { ownModel } from "../../../host/src/conformance/bridge/own-model.js"
import { BRIDGE_TABLE } from "../../../host/src/conformance/bridge/table.js"
import { skipReason } from "../../linux/requirements.js"
import { because } from "../../support/because.js"
import { sorted } from "../mutants/mutant.js"
import { MODEL_MUTANTS } from "./model-mutants.js"
import { hooksOf } from "./wrong-model.js"

const whyNot = await skipReason({ koffi: true })
/** Rows in whose runs there are answers of a device and a window, for those that judge every run. */
const CARRIERS = ["K23", "K32"]
/** Every row for every mutant, to see that no other notices: minutes. */
const isThorough = process.env.ALL_BRIDGE_ROWS === "1"

describe.skipIf(whyNot)(`a device model that has one thing wrong${because(whyNot)}`, () => {
  it("there is one for every row", () => {
    expect(sorted(MODEL_MUTANTS.flatMap(({ rows }) => rows))).toEqual(
      sorted(BRIDGE_TABLE.map(({ id }) => id)),
    )
  })

  it.concurrent.each(MODEL_MUTANTS.map((mutant) => [mutant.title, mutant] as const))(
    "%s",
    async (_, mutant) => {
      const isRun = (id: string) => mutant.rows.includes(id) || CARRIERS.includes(id)
      const rows = BRIDGE_TABLE.filter(({ id, judge }) => isThorough || isRun(id) || judge)
      const { results } = await checkModel(ownModel(hooksOf(mutant.fault)), { rows, mostAtOnce: 4 })
      const failed = results.filter(({ status }) => status === "fail").map(({ row }) => row.id)
      expect(sorted(failed)).toEqual(sorted(mutant.rows))
    },
  )
})
