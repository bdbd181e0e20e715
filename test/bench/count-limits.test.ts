// The benchmark's counts against their limits, against what the project promises, and against what docs/performance.md
// says, which this writes when it is asked to (npm run docs:performance). The benchmark runs once, as its users run it:
// everything is read from what it prints.

import { readFileSync, writeFileSync } from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import { bench } from "./bench.js"
import { CHIP_LIMITS, CHIP_PART_LIMIT_MS, SCAN_LIMITS, SIZE_LIMITS, TRAFFIC_LIMITS } from "./count-limits.js"
import { SLOT_MS } from "./latency.js"
import { THROTTLE_BYTES_PER_S } from "./ours.js"
import { linkMs } from "./peers/contender.js"
import { areAlike, renderPage } from "./performance-page.js"
import { type Results, report } from "./report.js"
import { BOARD_DEVICES } from "./simulated-board.js"

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
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

const PAGE_FILE = new URL("../../docs/performance.md", import.meta.url)
const PAGE = readFileSync(PAGE_FILE, "utf8")

let results: Results
function costOf(id: string): Results["ours"][number] {
  const cost = results.ours.find(({ workload }) => workload.id === id)
  if (!cost) throw new Error(`the benchmark does not measure ${id}`)
  return cost
}

beforeAll(async () => {
  const { code, out } = await run("--json", "--counts-only")
  expect(code).toBe(0)
  results = JSON.parse(out)
})

describe("what crosses the link", () => {
  it.each(Object.entries(TRAFFIC_LIMITS))("stays within its limits: %s", (id, limit) => {
    const { traffic, burstMs } = costOf(id)
    for (const name of ["packetsOut", "packetsIn", "payloadOut", "payloadIn", "kicks"] as const)
      expect.soft(traffic[name], name).toBeLessThanOrEqual(limit[name])
    expect(burstMs).toBeLessThanOrEqual(limit.ms)
  })

  it("has a limit for each workload", () => {
    const measured = results.ours.map(({ workload }) => workload.id)
    expect(measured.sort()).toEqual(Object.keys(TRAFFIC_LIMITS).sort())
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
    const { traffic, first } = costOf("eeprom")
    for (const eeprom of [traffic, first])
      expect(((eeprom?.payloadOut ?? 0) + (eeprom?.payloadIn ?? Number.NaN)) / 256).toBeLessThanOrEqual(1.35)
  })

  it("keeps the promised times under the throttle", () => {
    expect(costOf("scan").traffic.kicks).toBeLessThanOrEqual(4)
    expect(costOf("scan").sustainedMs).toBeLessThanOrEqual(500)
    expect(costOf("initialise").burstMs).toBeLessThanOrEqual(350)
  })

  it("never costs the device a packet that carries only an acknowledgement", () => {
    for (const { traffic } of results.ours) expect(traffic.emptyIn).toBe(0)
  })

  it("is set beside every peer, by the same workloads", () => {
    for (const { workload, rows } of results.comparison) {
      const names = rows.map(({ contender }) => contender)
      expect(names[0]).toBe("virtio-msg")
      if (workload.kind === "initialise") continue
      for (const name of ["Firmata", "Jacdac I2C service", "i2c-tiny-usb", "MCP2221", "Bus Pirate"])
        expect(names).toContain(name)
    }
  })
})

describe("the kind of ring", () => {
  it("is the one of which the fewest bytes travel, in both directions", () => {
    const kinds = new Map<string, Results["rings"][number][]>()
    for (const cost of results.rings) {
      const key = `${cost.batch} ${cost.isAlike}`
      kinds.set(key, [...(kinds.get(key) ?? []), cost])
    }
    expect(kinds.size).toBe(6)
    for (const [ours, ...others] of kinds.values()) {
      expect(ours?.kind).toBe("split, in order")
      expect(others).toHaveLength(3)
      for (const other of others) {
        expect(ours?.payloadOut).toBeLessThanOrEqual(other.payloadOut)
        expect(ours?.payloadIn).toBeLessThanOrEqual(other.payloadIn)
      }
    }
  })
})

describe("what the throttle leaves", () => {
  it("is 1,000 register reads a second with 32 in flight, and 80 % of the ceiling for bulk reads", () => {
    const { sustained } = results
    const reads = sustained.find(({ title, inFlight }) => title.startsWith("register") && inFlight === 32)
    expect(reads?.transfersPerS).toBeGreaterThanOrEqual(1000)
    const bulk = Math.max(...sustained.map(({ bytesPerS }) => bytesPerS))
    expect(bulk / THROTTLE_BYTES_PER_S).toBeGreaterThanOrEqual(0.8)
  })

  it("makes a single call wait for one slot, never two", () => {
    expect(results.latency.length).toBe(4)
    for (const { title, worstMs } of results.latency) expect.soft(worstMs, title).toBeLessThanOrEqual(SLOT_MS)
  })
})

describe("what the chip does", () => {
  const cases = Object.entries(CHIP_LIMITS).flatMap(([batch, limit]) =>
    Object.keys(BOARD_DEVICES).map((board) => ({ batch: Number(batch), board, limit })),
  )
  it.each(cases)("stays within its limits: $batch reads a kick, $board", ({ batch, board, limit }) => {
    const cost = results.chip.find((candidate) => candidate.batch === batch && candidate.board === board)
    expect.soft(cost?.perRead.operations, "operations").toBeLessThanOrEqual(limit.operations)
    expect.soft(cost?.perRead.calls, "calls").toBeLessThanOrEqual(limit.calls)
    expect.soft(cost?.perRead.allocations, "allocations").toBeLessThanOrEqual(limit.allocations)
    expect.soft(cost?.perRead.properties, "property reads").toBeLessThanOrEqual(limit.properties)
    expect.soft(cost?.perRead.names, "names").toBeLessThanOrEqual(limit.names)
    expect(cost?.ms).toBeLessThanOrEqual(limit.ms)
  })

  it("stays within its limits for a scan, the first one and a later one, on each board", () => {
    expect(results.scans).toHaveLength(4)
    for (const { title, isFirst, traffic, counts, ms } of results.scans) {
      const limit = isFirst ? SCAN_LIMITS.first : SCAN_LIMITS.again
      for (const name of ["packetsOut", "payloadOut"] as const)
        expect.soft(traffic[name], `${title}: ${name}`).toBeLessThanOrEqual(limit[name])
      for (const name of ["operations", "properties", "names", "allocations"] as const)
        expect.soft(counts[name], `${title}: ${name}`).toBeLessThanOrEqual(limit[name])
      expect.soft(ms, title).toBeLessThanOrEqual(limit.ms)
    }
  })

  it("keeps its part of a single call within its limit", () => {
    expect(results.chipParts).toHaveLength(2)
    for (const { board, meanMs } of results.chipParts)
      expect.soft(meanMs, board).toBeLessThanOrEqual(CHIP_PART_LIMIT_MS)
  })

  it("has bytecode within its limits", () => {
    for (const { title, bytes } of results.sizes)
      expect.soft(bytes, title).toBeLessThanOrEqual(SIZE_LIMITS[title] as number)
  })
})

describe("docs/performance.md", () => {
  it("has the figures as they are now", () => {
    const rendered = renderPage(PAGE, results)
    if (process.env.UPDATE_PERFORMANCE === "1") writeFileSync(PAGE_FILE, rendered)
    else if (!areAlike(PAGE, rendered)) expect(PAGE, "it is stale: npm run docs:performance").toBe(rendered)
  })

  it("is stale when a figure, a row or a word is", () => {
    const page = renderPage(PAGE, results)
    expect(areAlike(page, page.replace(" 1,569 ", " 1,570 "))).toBe(true)
    expect(areAlike(page.replace("| 31, 28 ", "| 33, 28 "), page)).toBe(false)
    expect(areAlike(page.replace("256-byte EEPROM", "a 256-byte EEPROM"), page)).toBe(false)
    expect(areAlike(page.replace(/\n\| Bus Pirate.*/, ""), page)).toBe(false)
  })

  it("cannot lose a block, nor name one that nothing computes", () => {
    expect(() => renderPage("", results)).toThrow("has no block for on the wire, bulk reads")
    expect(() => renderPage("<!-- computed: magic -->\n| x |\n", results)).toThrow('wants "magic"')
  })
})

describe("a peer's time", () => {
  const cost = { outBytes: 100, inBytes: 200, roundTrips: 10 }

  it("is ten bits a byte on a serial line, both ways at once when it pipelines", () => {
    expect(linkMs("115200", cost, false)).toBeCloseTo((300 * 10) / 115.2)
    expect(linkMs("115200", cost, true)).toBeCloseTo((210 * 10) / 115.2)
  })

  it("is a frame each way for each round trip on USB, or for all together when it pipelines", () => {
    expect(linkMs("usb", cost, false)).toBe(20)
    expect(linkMs("usb", cost, true)).toBe(2)
  })
})

describe("the bench command", () => {
  it("has a help with an example", async () => {
    const { code, out } = await run("--help")
    expect(code).toBe(0)
    expect(out).toContain("$ npm run --silent bench -- --json")
  })

  it("names a wrong option, and where the help is", async () => {
    const { code, err } = await run("--fast")
    expect(code).toBe(2)
    expect(err).toMatch(/^error: .*--fast.*\nhint: See npm run bench -- --help\n$/)
  })

  it("prints tables that fit a terminal", () => {
    const text = report(results)
    expect(text).toContain("256-byte EEPROM read beside others")
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(110)
  })
})
