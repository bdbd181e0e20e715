// docs/conformance.md: every row, how it is checked, and how ours fare. Written by this test when it is asked to
// (npm run docs:conformance); fails when the file is stale, or a row has lost its check.

import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { beforeAll, describe, expect, it } from "vitest"
import { systemClock, VirtualClock } from "../../host/src/clock.js"
import { checkModel } from "../../host/src/conformance/bridge/check-model.js"
import { ownModel } from "../../host/src/conformance/bridge/own-model.js"
import { BRIDGE_TABLE } from "../../host/src/conformance/bridge/table.js"
import { ChannelPort } from "../../host/src/conformance/channel-port.js"
import { checkDevice } from "../../host/src/conformance/check-device.js"
import { checkDriver } from "../../host/src/conformance/check-driver.js"
import { SCENARIOS } from "../../host/src/conformance/driver/scenarios.js"
import type { RowResult } from "../../host/src/conformance/result.js"
import type { Row } from "../../host/src/conformance/row.js"
import { isCheckable, TABLE } from "../../host/src/conformance/table.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { simulatedModels } from "../../host/src/node/plain-board.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { VIRTIO_ID_RTC } from "../../shared-protocol/src/device-types/rtc.js"
import { plainDevicePeer } from "../support/plain-device-peer.js"
import { inProcessDriver } from "./in-process-driver.js"
import { resultsOf } from "./mutants/wrong-device.js"
import { plugClock } from "./plugged-clock.js"

const FILE = fileURLToPath(new URL("../../docs/conformance.md", import.meta.url))
const isUpdating = process.env.UPDATE_CONFORMANCE === "1"
const LIMIT_MS = 3_600_000

/** How many MUST rows the transport's text has, by letter. */
const MUST_ROWS = { G: 6, B: 53, V: 67, D: 59 }

/** Rows that nothing outside can observe. One more here needs a very good reason. */
const NOT_OBSERVABLE = [
  // what a bus's specification says, on paper
  ...["B35", "B36"],
  // permissions: nothing can violate them
  ...["B-M1", "B-M2", "V-S2", "V-S3"],
  // on the wires of a chip
  "I10",
]

const GROUPS: readonly [letter: string, title: string][] = [
  ["G", "General"],
  ["B", "Bus"],
  ["V", "Device"],
  ["D", "Driver"],
  ["R", "Split virtqueues (virtio 1.4 2.7)"],
  ["I", "virtio-i2c (virtio 1.4 5.16)"],
  ["P", "virtio-gpio devices"],
  ["E", "virtio entropy devices"],
  ["C", "virtio-console devices"],
  ["T", "virtio-rtc devices"],
]

type Results = ReadonlyMap<string, RowResult>

const byId = (results: readonly RowResult[]): Results =>
  new Map(results.map((result) => [result.row.id, result]))

let board: Results
let natively: readonly Results[]
let driver: Results
let bridge: Results

beforeAll(async () => {
  const clock = new VirtualClock(1000)
  const machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
  const port = await clock.run(ChannelPort.overLink(new JacdacLink(new VmPort(machine), clock), { clock }))
  const { results } = await clock.run(checkDevice(port, { rows: TABLE }), LIMIT_MS)
  const devNum = await clock.run(plugClock(port), LIMIT_MS)
  const clockRows = TABLE.filter(({ deviceId }) => deviceId === VIRTIO_ID_RTC)
  const ofClock = await clock.run(checkDevice(port, { rows: clockRows, devNum }), LIMIT_MS)
  board = byId([...results, ...ofClock.results])
  await port.close()
  natively = [
    byId(await resultsOf({})),
    byId(await resultsOf({ isStrict: true })),
    byId(await plainResults(false)),
    byId(await plainResults(true)),
  ]
  const rows = TABLE.filter((row) => row.driver !== undefined)
  bridge = byId((await checkModel(ownModel(), { rows: BRIDGE_TABLE, mostAtOnce: 8 })).results)
  driver = byId((await checkDriver(inProcessDriver(), { rows, name: "ours", clock: systemClock })).results)
}, 120_000)

/** The same device code on the plain profile, with notifications or without. */
async function plainResults(isPolling: boolean): Promise<readonly RowResult[]> {
  const clock = new VirtualClock(1000)
  const options = { maxMessageSize: 264, isPolling, models: simulatedModels(clock) }
  const port = await ChannelPort.overPlain("in process", plainDevicePeer(clock, options).open, { clock })
  const { results } = await clock.run(checkDevice(port, { rows: TABLE }), LIMIT_MS)
  await port.close()
  return results
}

/** The device's cell: over the bytecode, or natively where the firmware has nothing to check it on. */
function deviceStatus(row: Row): string {
  if (!row.device) return ""
  const { status = "" } = board.get(row.id) ?? {}
  if (status === "pass") return "pass"
  if (natively.some((results) => results.get(row.id)?.status === "pass")) return "pass, natively"
  return status === "skipped" ? "does not apply" : status
}

function driverStatus(row: Row): string {
  if (!row.driver) return ""
  const { status = "" } = driver.get(row.id) ?? {}
  return status === "skipped" ? "does not apply" : status
}

const cell = (text: string) => text.replaceAll("|", "\\|")

function document(): string {
  const lines = [
    "# Conformance",
    "",
    "Generated from the table in `host/src/conformance` by `npm run docs:conformance`; a test fails when it is stale.",
    "The requirements are those of virtio-msg, transport revision 1 (the text of mid-2026), of split virtqueues and of",
    "our five device types, in our own words. The ids are ours. Rows with an S are recommendations, those with an M permissions.",
    "",
    '- **device**: how our firmware fares, as bytecode in the DeviceScript VM. "pass, natively": the firmware has nothing',
    "  to check the row on; the same device code passes it in a test that has. Nothing was tried on silicon yet.",
    "- **driver**: how our driver fares against the devices that the suite plays.",
    '- An empty cell: the row is not about that side. "does not apply": ours has no part in what it is about.',
    "",
    `${TABLE.length} rows; ${TABLE.filter(isCheckable).length} are checked, ${TABLE.length - TABLE.filter(isCheckable).length} cannot be observed, with the reason.`,
    "How to check yours: [conform-your-own.md](conform-your-own.md).",
  ]
  for (const [letter, title] of GROUPS) {
    lines.push(
      "",
      `## ${title}`,
      "",
      "| row | section | requirement | device | driver |",
      "| --- | --- | --- | --- | --- |",
    )
    for (const row of TABLE.filter(({ id }) => id.startsWith(letter))) {
      const level = row.level === "MUST" ? "" : `${row.level}: `
      const cells = isCheckable(row)
        ? [deviceStatus(row), driverStatus(row)]
        : [`not observable: ${row.reason}`, ""]
      lines.push(`| ${[row.id, row.section, `${level}${row.requirement}`, ...cells].map(cell).join(" | ")} |`)
    }
  }
  lines.push(
    "",
    "## The bridge: device models",
    "",
    "The rules of /dev/virtio-msg-bridge, version 1, for a device model ([bridge.md](bridge.md), whose sections these are): a table",
    "of its own, checked by `virtio-msg conform --bridge-kernel`.",
    "",
    "| row | section | requirement | our device model |",
    "| --- | --- | --- | --- |",
  )
  for (const { id, section, level, requirement } of BRIDGE_TABLE) {
    const text = `${level === "MUST" ? "" : `${level}: `}${requirement}`
    lines.push(`| ${[id, section, text, bridge.get(id)?.status ?? ""].map(cell).join(" | ")} |`)
  }
  lines.push("", "## What a driver meets", "", "| scenario | what happens |", "| --- | --- |")
  for (const { name, what } of SCENARIOS) lines.push(`| ${name} | ${cell(what)} |`)
  return `${lines.join("\n")}\n`
}

describe("the conformance table", () => {
  it("has every MUST row of the transport's text, each once", () => {
    for (const [letter, count] of Object.entries(MUST_ROWS)) {
      const ids = TABLE.filter(({ id }) => new RegExp(`^${letter}\\d+$`).test(id)).map(({ id }) => id)
      expect(ids).toEqual(Array.from({ length: count }, (_, at) => `${letter}${at + 1}`))
    }
    const ids = TABLE.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it("has a check for each, or a written reason for those that nothing outside can observe", () => {
    expect(TABLE.filter((row) => !isCheckable(row)).map(({ id }) => id)).toEqual(NOT_OBSERVABLE)
    for (const row of TABLE) {
      expect({ id: row.id, hasReason: row.reason !== undefined }).toEqual({
        id: row.id,
        hasReason: !isCheckable(row),
      })
      expect(row.requirement).toMatch(/^\S.*\.$/)
      expect(row.section).not.toBe("")
    }
  })

  it("B35 B36: the pages of our two buses say how events travel, and that nothing goes out of band", () => {
    const page = (name: string) =>
      readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8").replace(/\s+/g, " ")
    expect(page("bus.md")).toContain(
      "EVENT_AVAIL, EVENT_USED and EVENT_CONFIG are forwarded in band, each once.",
    )
    expect(page("bus.md")).toContain("**Out-of-band signals** (B36): there are none.")
    expect(page("conform-your-own.md")).toContain(
      "EVENT_CONFIG are forwarded in band, each once; none is synthesised",
    )
    expect(page("conform-your-own.md")).toContain("There are no out-of-band signals.")
  })

  it("is what docs/conformance.md shows", () => {
    const text = document()
    if (isUpdating) writeFileSync(FILE, text)
    const shown = readFileSync(FILE, "utf8")
    expect(shown === text ? "" : "docs/conformance.md is stale: npm run docs:conformance").toBe("")
    expect(text).not.toMatch(/\| (fail|blocked)/)
  })
})
