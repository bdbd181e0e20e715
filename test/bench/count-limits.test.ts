// The benchmark's counts against their limits, and against what the project promises.

import { beforeAll, describe, expect, it } from "vitest"
import { bench } from "./bench.js"
import { type ChipCost, measureChip } from "./chip.js"
import { compare } from "./comparison.js"
import { CHIP_LIMITS, SIZE_LIMITS, TRAFFIC_LIMITS } from "./count-limits.js"
import { measureLatency, SLOT_MS } from "./latency.js"
import { measureOurs, measureSustained, type OurCost, THROTTLE_BYTES_PER_S } from "./ours.js"
import { linkMs } from "./peers/contender.js"
import { report } from "./report.js"
import { measureSizes } from "./sizes.js"

const MEASURING_MS = 60_000

describe("what crosses the link", () => {
  let ours: OurCost[]
  const costOf = (id: string) => ours.find((cost) => cost.workload.id === id) as OurCost
  beforeAll(async () => {
    ours = await measureOurs()
  }, MEASURING_MS)

  it.each(Object.entries(TRAFFIC_LIMITS))("stays within its limits: %s", (id, limit) => {
    const { traffic, burstMs } = costOf(id)
    for (const name of ["packetsOut", "packetsIn", "payloadOut", "payloadIn", "kicks"] as const)
      expect.soft(traffic[name], name).toBeLessThanOrEqual(limit[name])
    expect(burstMs).toBeLessThanOrEqual(limit.ms)
  })

  it("has a limit for each workload", () => {
    expect(ours.map(({ workload }) => workload.id).sort()).toEqual(Object.keys(TRAFFIC_LIMITS).sort())
  })

  it("is one packet each way per kick while the answers fit", () => {
    for (const id of ["read", "batch-8", "batch-32"])
      expect(costOf(id).traffic).toMatchObject({ kicks: 1, packetsOut: 1, packetsIn: 1, emptyIn: 0 })
  })

  it("keeps the promised sizes", () => {
    const { payloadOut, payloadIn } = costOf("read").traffic
    expect(payloadOut).toBeLessThanOrEqual(48)
    expect(payloadIn).toBeLessThanOrEqual(48)
    const batch = costOf("batch-8").traffic
    expect((batch.payloadOut + batch.payloadIn) / 8).toBeLessThanOrEqual(16)
    const eeprom = costOf("eeprom").traffic
    expect((eeprom.payloadOut + eeprom.payloadIn) / 256).toBeLessThanOrEqual(1.35)
  })

  it("keeps the promised times under the throttle", () => {
    expect(costOf("scan").traffic.kicks).toBeLessThanOrEqual(4)
    expect(costOf("scan").sustainedMs).toBeLessThanOrEqual(500)
    expect(costOf("initialise").burstMs).toBeLessThanOrEqual(350)
  })

  it("never costs the device a packet that carries only an acknowledgement", () => {
    for (const { traffic } of ours) expect(traffic.emptyIn).toBe(0)
  })

  it("is set beside every peer, by the same workloads", () => {
    const comparisons = compare(ours)
    for (const { workload, rows } of comparisons) {
      const names = rows.map(({ contender }) => contender)
      expect(names[0]).toBe("virtio-msg")
      if (workload.kind !== "initialise")
        for (const name of ["Firmata", "Jacdac I2C service", "i2c-tiny-usb", "MCP2221", "Bus Pirate"])
          expect(names).toContain(name)
    }
    const text = report({
      ours,
      comparison: comparisons,
      sustained: [],
      latency: [],
      chip: [],
      chipPartMs: 0,
      sizes: measureSizes(),
    })
    expect(text).toContain("256-byte EEPROM read beside others")
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(125)
  })
})

describe("what the throttle leaves", () => {
  it(
    "is 1,000 register reads a second with 32 in flight, and 80 % of the ceiling for bulk reads",
    async () => {
      const sustained = await measureSustained()
      const reads = sustained.find(({ title, inFlight }) => title.startsWith("register") && inFlight === 32)
      expect(reads?.transfersPerS).toBeGreaterThanOrEqual(1000)
      const bulk = Math.max(...sustained.map(({ bytesPerS }) => bytesPerS))
      expect(bulk / THROTTLE_BYTES_PER_S).toBeGreaterThanOrEqual(0.8)
    },
    MEASURING_MS,
  )

  it(
    "makes a single call wait for one slot, never two",
    async () => {
      for (const { title, worstMs } of await measureLatency())
        expect.soft(worstMs, title).toBeLessThanOrEqual(SLOT_MS)
    },
    MEASURING_MS,
  )
})

describe("what the chip does", () => {
  let chip: ChipCost[]
  beforeAll(async () => {
    chip = await measureChip()
  }, MEASURING_MS)

  it.each(Object.entries(CHIP_LIMITS))("stays within its limits: %s reads a kick", (batch, limit) => {
    const cost = chip.find((candidate) => candidate.batch === Number(batch)) as ChipCost
    expect.soft(cost.perRead.operations, "operations").toBeLessThanOrEqual(limit.operations)
    expect.soft(cost.perRead.calls, "calls").toBeLessThanOrEqual(limit.calls)
    expect.soft(cost.perRead.allocations, "allocations").toBeLessThanOrEqual(limit.allocations)
    expect(cost.ms).toBeLessThanOrEqual(limit.ms)
  })

  it("has bytecode within its limits", () => {
    for (const { title, bytes } of measureSizes())
      expect.soft(bytes, title).toBeLessThanOrEqual(SIZE_LIMITS[title] as number)
  })
})

describe("a peer's time", () => {
  it("is ten bits a byte on a serial line, both ways at once when it pipelines", () => {
    const cost = { outBytes: 100, inBytes: 200, roundTrips: 10 }
    expect(linkMs("115200", cost, false)).toBeCloseTo((300 * 10) / 115.2)
    expect(linkMs("115200", cost, true)).toBeCloseTo((210 * 10) / 115.2)
  })

  it("is a frame each way for each round trip on USB, or for all together when it pipelines", () => {
    const cost = { outBytes: 100, inBytes: 200, roundTrips: 10 }
    expect(linkMs("usb", cost, false)).toBe(20)
    expect(linkMs("usb", cost, true)).toBe(2)
  })
})

describe("the bench command", () => {
  const run = async (...args: string[]) => {
    const lines = { out: "", err: "" }
    const code = await bench(args, {
      print: (text) => {
        lines.out += `${text}\n`
      },
      note: (text) => {
        lines.err += `${text}\n`
      },
    })
    return { code, ...lines }
  }

  it("has a help with an example", async () => {
    expect(await run("--help")).toMatchObject({
      code: 0,
      out: expect.stringContaining("npm run --silent bench -- --json"),
    })
  })

  it("names a wrong option, and where the help is", async () => {
    const { code, err } = await run("--fast")
    expect(code).toBe(2)
    expect(err).toMatch(/^error: .*--fast.*\nhint: See npm run bench -- --help\n$/)
  })

  it(
    "prints JSON that parses, as its example says",
    async () => {
      const { code, out } = await run("--json", "--counts-only")
      expect(code).toBe(0)
      const results = JSON.parse(out)
      expect(Object.keys(results).sort()).toEqual(
        ["chip", "chipPartMs", "comparison", "latency", "ours", "sizes", "sustained"].sort(),
      )
      expect(results.host).toBeUndefined()
    },
    MEASURING_MS,
  )
})
