// The suite against our own driver, in process and in virtual time: every MUST that can be observed holds. As a process
// of its own: test/conformance/command.test.ts.

import { describe, expect, it } from "vitest"
import { systemClock } from "../../host/src/clock.js"
import { checkDriver } from "../../host/src/conformance/check-driver.js"
import { isTransport } from "../../host/src/conformance/driver/driver-runs.js"
import { driveOwn } from "../../host/src/conformance/driver/own-driver.js"
import { SCENARIOS, scenarioOf } from "../../host/src/conformance/driver/scenarios.js"
import { I2C_NUMBER, ScriptedBus } from "../../host/src/conformance/driver/scripted-bus.js"
import { isConforming } from "../../host/src/conformance/result.js"
import { TABLE } from "../../host/src/conformance/table.js"
import type { OpenedBus } from "../../host/src/opened-bus.js"
import { getU16 } from "../../shared-protocol/src/bytes.js"
import {
  FEATURE_EVENT_IDX,
  FEATURE_RING_PACKED_BLOCK1,
} from "../../shared-protocol/src/device-types/feature-bits.js"
import { type DriverFault, inProcessDriver } from "./in-process-driver.js"

const rows = TABLE.filter((row) => row.driver !== undefined || row.side === "driver")

describe("our driver", () => {
  it("does what every row asks of it that can be observed", async () => {
    const report = await checkDriver(inProcessDriver(), { rows, name: "our driver", clock: systemClock })
    const bad = report.results.filter(({ status }) => status === "fail" || status === "blocked")
    expect(bad.map(({ row, detail }) => `${row.id}: ${detail}`)).toEqual([])
    expect(isConforming(report)).toBe(true)
    // what it has no part in: RESET_VQUEUE, EVENT_IDX
    const skipped = report.results.filter(({ status }) => status === "skipped").map(({ row }) => row.id)
    expect(skipped).toEqual(["D56", "D57", "R32"])
  })

  it("meets every scenario in some row", () => {
    const asked = rows.map((row) => String(row.driver)).join()
    // two are only there for rows that look at every run
    const unasked = SCENARIOS.filter(({ name }) => !asked.includes(`"${name}"`)).map(({ name }) => name)
    expect(unasked).toEqual([])
  })
})

/** What the suite says of `fault` to these rows. */
async function resultsOf(fault: DriverFault, ...ids: string[]) {
  const report = await checkDriver(inProcessDriver(fault), {
    rows: rows.filter(({ id }) => ids.includes(id)),
    name: "a driver",
    clock: systemClock,
  })
  return report.results
}

describe("the suite", () => {
  it("shows with a failure the messages of the device that it is about, not those that came later", async () => {
    // whatever becomes of the chip, it goes on with the console, and says that all is well
    const work = async (bus: OpenedBus) => {
      await bus
        .i2c()
        .then((i2c) => i2c.readByte(0x54, 14))
        .catch(() => {})
      const console = await bus.console()
      for (let times = 0; times < 5; times++) await console.device.readConfig(0, 12)
    }
    const results = await resultsOf({ work, isAlwaysDone: true }, "R28", "B34")
    expect(results.map(({ row, status }) => `${row.id} ${status}`)).toEqual(["B34 fail", "R28 fail"])
    for (const { exchanges } of results) {
      const devices = exchanges.filter(({ frame }) => isTransport(frame)).map(({ frame }) => getU16(frame, 2))
      expect(new Set(devices)).toEqual(new Set([I2C_NUMBER]))
    }
  })

  it("asks D-S1 nothing of a driver that never reads to the end of the configuration", async () => {
    const work = async (bus: OpenedBus) => {
      await (await bus.i2c()).readByte(0x54, 14)
      const { device } = await bus.console()
      for (const offset of [0, 4]) await device.readConfig(offset, 4)
    }
    const [result] = await resultsOf({ work }, "D-S1")
    expect(result).toMatchObject({
      status: "skipped",
      detail: "The driver never reads to the end of the configuration.",
    })
  })

  it("offers no feature that it cannot serve, and judges no selection by a driver that did nothing", async () => {
    const memory = { read: (_: bigint, length: number) => new Uint8Array(length), write: () => {} }
    const bus = new ScriptedBus(scenarioOf("all-features"), memory, systemClock, () => {})
    for (const { shape } of bus.devices)
      expect(shape.offered).toEqual(
        [0xffffffff, 0xffffffff & ~FEATURE_RING_PACKED_BLOCK1, 0xffffffff].map((bits) => bits >>> 0),
      )
    // as one that took RING_PACKED from a device with split rings
    const work = async (opened: OpenedBus) => {
      const [device] = await opened.devices()
      const features = await device?.transport.getDeviceFeatures(3)
      if (features?.[2] !== 0xffffffff) await driveOwn(opened)
    }
    const results = await resultsOf({ work }, "D26", "D39", "D6")
    expect(results.map(({ status }) => status)).toEqual(["blocked", "blocked", "blocked"])
  })

  it("says in avail_event, where a driver takes EVENT_IDX, what it wants to hear of next", () => {
    const bytes = new Uint8Array(4096)
    const memory = {
      read: (at: bigint, length: number) => bytes.slice(Number(at), Number(at) + length),
      write: (at: bigint, written: Uint8Array) => bytes.set(written, Number(at)),
    }
    const { i2c } = new ScriptedBus(scenarioOf("all-features"), memory, systemClock, () => {})
    i2c.selected = [FEATURE_EVENT_IDX]
    i2c.queues[0] = { size: 8, isEnabled: true, desc: 256n, driver: 512n, device: 1024n, seen: 0, used: 0 }
    bytes[514] = 3 // three chains of one empty descriptor
    i2c.serve(0)
    expect(bytes[1024 + 4 + 8 * 8]).toBe(3)
  })
})
