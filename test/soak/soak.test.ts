// The soak as `npm test` runs it: 20,000 calls at each loss rate over the native device, with every other fault as well.
// The long one is `npm run soak` (docs/faults.md).

import { describe, expect, it } from "vitest"
import { ALL_FAULTS } from "../faults/faults.js"
import { nativeRig } from "./rigs.js"
import { soak } from "./soak.js"

const SEED = 20260714
const REQUESTS = 20_000

describe(`${REQUESTS} calls (seed ${SEED})`, { timeout: 60_000 }, () => {
  it.each([0, 1, 5, 10])(
    "are each carried out once and answered with the right data while %i percent of all frames are lost",
    async (percent) => {
      const rig = await nativeRig(SEED, REQUESTS)
      const faults = { ...ALL_FAULTS, loss: percent / 100 }
      const result = await soak(rig, { seed: SEED, requests: REQUESTS, faults })
      expect(result).toMatchObject({
        requests: REQUESTS,
        wrongData: 0,
        doubledExecutions: 0,
        lostCompletions: 0,
        falseDenials: 0,
        failures: {},
      })
      expect(Math.min(result.wraps.out, result.wraps.in)).toBeGreaterThan(5)
      // the faults were there
      expect(result.bitsFlipped).toBeGreaterThan(20)
      expect(result.framesLost).toBeGreaterThanOrEqual(percent * 50)
      await rig.bus.close()
      await rig.stop()
      expect(rig.clock.pendingCount).toBe(0)
    },
  )

  it("are the same with the same seed, and others with another", async () => {
    const run = async (seed: number) => {
      const rig = await nativeRig(seed, 1000)
      return soak(rig, { seed, requests: 1000, faults: { ...ALL_FAULTS, loss: 0.05 } })
    }
    expect(await run(7)).toEqual(await run(7))
    expect((await run(8)).virtualMs).not.toBe((await run(7)).virtualMs)
  })

  it("of which many fail on a hopeless link are each answered all the same, with the right word", async () => {
    const rig = await nativeRig(SEED, 300)
    const result = await soak(rig, { seed: SEED, requests: 300, faults: { ...ALL_FAULTS, loss: 0.6 } })
    expect(result.failedCalls).toBeGreaterThan(0)
    expect(result).toMatchObject({ wrongData: 0, doubledExecutions: 0, lostCompletions: 0, falseDenials: 0 })
    for (const code of Object.keys(result.failures))
      expect(["TIMEOUT", "DEVICE_RESTARTED", "CONNECT_FAILED"]).toContain(code)
  })
})
