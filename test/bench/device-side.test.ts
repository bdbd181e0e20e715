// Both contestants of the benchmark of the device side work; what they cost is told, and never tested.

import { expect, it } from "vitest"
import { skipReason } from "../linux/requirements.js"
import { because } from "../support/because.js"
import { hasCompiler, measureDeviceSides } from "./device-side.js"

// in CI there is a compiler, or this fails
const noCompiler = process.env.CI || hasCompiler() ? "" : "enable with: sudo apt-get install gcc libc6-dev"
const reason = (await skipReason({ koffi: true })) || noCompiler

it.skipIf(reason)(
  `transfers by vhost-user and by the bridge, on native device code${because(reason)}`,
  async () => {
    const costs = await measureDeviceSides({ rounds: 1, times: 20, warmTimes: 1 })
    expect(costs.map(({ title }) => title)).toEqual(["vhost-user", "the bridge"])
    expect(costs[0]).toMatchObject({ p50Ratio: 1, cpuRatio: 1 })
    for (const { p50Us, p50Ratio } of costs) {
      expect(p50Us).toBeGreaterThan(0)
      expect(p50Ratio).toBeGreaterThan(0)
    }
  },
)
