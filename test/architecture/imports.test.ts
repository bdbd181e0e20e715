// The order of the house: which part may import which. A part imports only parts that stand in rows above its own, and
// no import runs in a circle. An import of a type counts like any other: whoever reads the one file needs the other.

import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { repositoryFiles } from "../support/repository-files.js"
import { type Arrow, arrowsAmong, circlesIn } from "./import-graph.js"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))

/** From the bottom up. Parts of one row do not know each other. */
const ROWS: readonly (readonly string[])[] = [
  ["shared-protocol/src/bytes.ts", "boards/"],
  ["shared-protocol/src/messages/"],
  ["shared-protocol/src/device-types/", "shared-protocol/src/mailbox/"],
  ["shared-protocol/src/ring/"],
  ["shared-protocol/src/device/"],
  ["shared-protocol/src/index.ts", "firmware/"],
  ["host/src/hex.ts"],
  // what stands beside no other part of host: time, errors, bytes, words for people
  [
    "host/src/bytes.ts",
    "host/src/counted.ts",
    "host/src/crc8.ts",
    "host/src/errors.ts",
    "host/src/emitter.ts",
    "host/src/visible-text.ts",
  ],
  ["host/src/clock.ts", "host/src/async-queue.ts"],
  ["host/src/link/"],
  ["host/src/bus/"],
  ["host/src/driver/", "host/src/plain/"],
  ["host/src/sensors/", "host/src/opened-bus.ts"],
  ["host/src/trace/", "host/src/vm/", "host/src/deploy/"],
  ["host/src/node/"],
  ["host/src/open-bus.ts", "host/src/flash/"],
  ["host/src/conformance/"],
  ["host/src/index.ts", "host/src/cli/"],
  ["host/src/extcap/", "host/web/", "host/i2c-bus/", "host/examples/"],
]

/** The device's side: only a host that plays a device itself has to do with it. */
const DEVICE_SIDE = ["shared-protocol/src/device/", "firmware/"]
const PLAYS_A_DEVICE = [
  "host/src/node/native-channel.ts",
  "host/src/node/plain-board.ts",
  "host/src/plain/plain-device.ts",
]

/** Arrows that are still against the order. Each has to go: one that is gone must leave this list, too. */
const KNOWN: readonly string[] = []

const FILES = repositoryFiles(
  (file) => /^(shared-protocol|firmware|host|boards)\/.*\.ts$/.test(file) && !file.endsWith(".d.ts"),
)

const ARROWS = arrowsAmong(ROOT, FILES)

function rowOf(file: string): number {
  return ROWS.findIndex((parts) => parts.some((part) => file === part || file.startsWith(part)))
}

function partOf(file: string): string | undefined {
  return ROWS[rowOf(file)]?.find((part) => file === part || file.startsWith(part))
}

/** Whether an arrow leads into its own part, or into a row above. */
function isInOrder({ from, to }: Arrow): boolean {
  return partOf(from) === partOf(to) || rowOf(to) < rowOf(from)
}

const asText = ({ from, to }: Arrow) => `${from} -> ${to}`

describe("the product's imports", () => {
  it("are all read: every file has its place in the order, and the parts are not empty", () => {
    expect(FILES.filter((file) => rowOf(file) < 0)).toEqual([])
    const used = new Set(FILES.map(partOf))
    expect(ROWS.flat().filter((part) => !used.has(part))).toEqual([])
    expect(ARROWS.length).toBeGreaterThan(FILES.length)
  })

  it("run in no circle, those of types included", () => {
    expect(circlesIn(FILES, ARROWS)).toEqual([])
  })

  it("lead only to parts further up in the order, but for the arrows that are known to be left", () => {
    const against = [...new Set(ARROWS.filter((arrow) => !isInOrder(arrow)).map(asText))].sort()
    expect(against).toEqual(KNOWN)
  })

  it("never lead from the host to the device's side, which shares nothing but words with it", () => {
    const reaching = ARROWS.filter(
      ({ from, to }) => from.startsWith("host/") && DEVICE_SIDE.some((part) => to.startsWith(part)),
    )
    expect([...new Set(reaching.map(({ from }) => from))].sort()).toEqual(PLAYS_A_DEVICE)
  })
})

describe("the search for circles", () => {
  it("finds a circle of three, a file that imports itself, and none in a diamond", () => {
    const arrows = ["ab", "bc", "ca", "cd", "ee", "fg", "fh", "gi", "hi"].map((pair) => ({
      from: pair[0] as string,
      to: pair[1] as string,
    }))
    const circles = circlesIn([..."abcdefghi"], arrows).map((circle) => circle.sort().join(""))
    expect(circles.sort()).toEqual(["abc", "e"])
  })
})
