// The bridge's rows over our own device model: every one of them holds.

import { expect, it } from "vitest"
import { checkModel } from "../../../host/src/conformance/bridge/check-model.js"
import { ownModel } from "../../../host/src/conformance/bridge/own-model.js"
import { BRIDGE_TABLE } from "../../../host/src/conformance/bridge/table.js"
import { skipReason } from "../../linux/requirements.js"
import { because } from "../../support/because.js"

const whyNot = await skipReason({ koffi: true })

it.skipIf(whyNot)(`our device model holds every row${because(whyNot)}`, async () => {
  const { results } = await checkModel(ownModel(), { rows: BRIDGE_TABLE, mostAtOnce: 8 })
  const others = results.filter(({ status }) => status !== "pass")
  expect(others.map(({ row, status, detail }) => `${row.id} ${status}: ${detail}`)).toEqual([])
  expect(results.map(({ row }) => row.id)).toEqual(BRIDGE_TABLE.map(({ id }) => id))
})
