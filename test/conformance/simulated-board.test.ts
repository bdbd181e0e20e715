// The suite against our own device: every MUST that can be observed holds, over the bytecode in the VM and natively.

import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { VirtualClock } from "../../host/src/clock.js"
import { ChannelPort } from "../../host/src/conformance/channel-port.js"
import { checkDevice } from "../../host/src/conformance/check-device.js"
import { isConforming, type Report } from "../../host/src/conformance/result.js"
import { TABLE } from "../../host/src/conformance/table.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import type { Link } from "../../host/src/link/link.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { MemoryLink } from "../support/memory-link.js"

/** Virtual time: a run takes half a minute of it. */
const LIMIT_MS = 600_000

let clock: VirtualClock

beforeEach(() => {
  clock = new VirtualClock(1000)
})

afterEach(() => {
  expect(clock.pendingCount).toBe(0)
})

async function run(link: Link): Promise<Report> {
  const port = await clock.run(ChannelPort.overLink(link, { clock }))
  try {
    return await clock.run(checkDevice(port, { rows: TABLE }), LIMIT_MS)
  } finally {
    await port.close()
  }
}

function notPassed(report: Report): string[] {
  return report.results
    .filter(({ status }) => status === "fail" || status === "blocked")
    .map(({ row, status, detail }) => `${row.id} ${status}: ${detail}`)
}

const links: Record<string, () => Link> = {
  "the bytecode in the VM": () => {
    const machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
    return new JacdacLink(new VmPort(machine), clock)
  },
  "the device code natively": () => new MemoryLink(clock),
  "messages of 52 bytes": () => new MemoryLink(clock, { maxMessageSize: 52 }),
}

describe.each(Object.entries(links))("over %s", (_, makeLink) => {
  it("no row fails, and what was seen makes our bus and device conform", async () => {
    const report = await run(makeLink())
    expect(notPassed(report)).toEqual([])
    expect(isConforming(report)).toBe(true)
    expect(report.results.filter(({ status }) => status === "pass").length).toBeGreaterThan(100)
  })
})
