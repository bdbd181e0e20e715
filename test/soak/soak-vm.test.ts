// The soak over the bytecode in the DeviceScript VM.

import { expect, it } from "vitest"
import { ALL_FAULTS } from "../faults/faults.js"
import { compileFirmware } from "../support/compile-firmware.js"
import { vmRig } from "./rigs.js"
import { soak } from "./soak.js"

const SEED = 20260714
const REQUESTS = 1500

it(`the firmware loses and doubles none of ${REQUESTS} calls at 10 % loss (seed ${SEED})`, {
  timeout: 60_000,
}, async () => {
  const rig = await vmRig(SEED, compileFirmware("main-ledger"))
  const result = await soak(rig, {
    seed: SEED,
    requests: REQUESTS,
    faults: { ...ALL_FAULTS, loss: 0.1 },
    mostAtOnce: 6,
  })
  expect(result).toMatchObject({
    requests: REQUESTS,
    wrongData: 0,
    doubledExecutions: 0,
    lostCompletions: 0,
    falseDenials: 0,
    failures: {},
    panics: 0,
  })
  // sequence numbers came round while packets were lost, in both directions
  expect(Math.min(result.wraps.out, result.wraps.in)).toBeGreaterThanOrEqual(1)
  expect(result.framesLost).toBeGreaterThan(30)
  await rig.bus.close()
  await rig.stop()
})
