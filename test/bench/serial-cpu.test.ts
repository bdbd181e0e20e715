// The contestants of the benchmark over a serial port work. The time that they take is told, and never tested; what a
// read asks of Node is counted, and has limits.

import { execFileSync } from "node:child_process"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { beforeAll, describe, expect, it } from "vitest"
import { UNLESS_LINUX } from "../support/because.js"
import { measureSerial } from "./serial-cpu.js"
import { countSerialWork } from "./serial-work.js"

beforeAll(() => {
  // their far ends are processes of their own
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc")
  execFileSync(process.execPath, [tsc, "-p", fileURLToPath(new URL(".", import.meta.url))], {
    stdio: "inherit",
  })
}, 120_000)

describe.skipIf(UNLESS_LINUX)(`the benchmark over a serial port${UNLESS_LINUX}`, () => {
  it("reads by our driver and by Firmata's client, beside bytes that come back", async () => {
    const costs = await measureSerial({ rounds: 1, times: 20, warmTimes: 1 })
    expect(costs.map(({ title }) => title)).toEqual([
      "11 bytes that come back",
      "a register read, virtio-msg",
      "a register read, Firmata's client",
    ])
    expect(costs[0]).toMatchObject({ cpuRatio: 1, roundTripRatio: 1 })
    for (const { roundTripUs, roundTripRatio } of costs) {
      expect(roundTripUs).toBeGreaterThan(0)
      expect(roundTripRatio).toBeGreaterThan(0)
    }
  })

  it("makes no timer and no view for a read, and few promises", async () => {
    const reads = 300
    const { timers, promises, fileRequests, views, tookMs } = await countSerialWork(reads)
    // the heart beats every 25 ms, and the watchdog wakes up every 100 ms, however many reads there are
    expect.soft(timers).toBeLessThan(tookMs / 20 + 3)
    expect.soft(views / reads).toBeLessThan(0.5)
    // three in four are the serial stack's own; a heartbeat has some, and a busy computer has more of those
    expect.soft(promises).toBeLessThan(23 * reads + tookMs)
    // one to write and one to read, and those of the heart; none to find that there is no more
    expect.soft(fileRequests).toBeLessThan(2.5 * reads + tookMs / 10)
  })
})
