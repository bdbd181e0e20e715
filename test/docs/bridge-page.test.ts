// docs/bridge.md is the interface as we implement it: each layout, number and limit on it is the code's.

import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { REQUEST_TIMEOUT_MS } from "../../host/src/bus/bus.js"
import { BRIDGE_TABLE } from "../../host/src/conformance/bridge/table.js"
import { hex } from "../../host/src/hex.js"
import * as layouts from "../../host/src/node/bridge/layouts.js"
import type { Fields, Struct } from "../../host/src/node/bridge/struct.js"
import { MANY_WINDOWS, MOST_BYTES, MOST_WINDOWS } from "../../host/src/node/bridge/windows.js"
import { MOST_REQUESTS } from "../../host/src/node/message-forwarder.js"

const TEXT = readFileSync(new URL("../../docs/bridge.md", import.meta.url), "utf8")
const PAGE = TEXT.replace(/\s+/g, " ")

const STRUCTS: Readonly<Record<string, Struct<Fields>>> = {
  RESOLVE: layouts.RESOLVE,
  RELEASE: layouts.RELEASE,
  ATTACH: layouts.ATTACH,
  CAPS: layouts.CAPS,
  RING_HEADER: layouts.RING_HEADER,
  ONLINE: layouts.ONLINE_PAYLOAD,
  OFFLINE: layouts.OFFLINE_PAYLOAD,
  TOPOLOGY_RESET: layouts.RESET_PAYLOAD,
  DEV_ADD: layouts.DEV_ADD_PAYLOAD,
  COMMIT: layouts.COMMIT_PAYLOAD,
  MAP_ADD: layouts.MAP_ADD_PAYLOAD,
  MAP_DEL: layouts.MAP_DEL_PAYLOAD,
  MAP_ANSWER: layouts.MAP_ANSWER_PAYLOAD,
  RELEASED: layouts.RELEASED_PAYLOAD,
  ERROR: layouts.ERROR_PAYLOAD,
}

describe("docs/bridge.md", () => {
  it.each(Object.entries(STRUCTS))("has the layout of %s", (name, { size, places }) => {
    const fields = places.map((place) => `${place.name} ${place.kind} @${place.offset}`).join(", ")
    expect(PAGE).toContain(`${name}, ${size} bytes: ${fields}`)
  })

  it("has the numbers of the ioctls and of the messages", () => {
    for (const [name, number] of [
      ["RESOLVE_ENDPOINT", layouts.IOCTL_RESOLVE],
      ["ATTACH", layouts.IOCTL_ATTACH],
      ["DETACH", layouts.IOCTL_DETACH],
      ["RELEASE_ENDPOINT", layouts.IOCTL_RELEASE],
    ] as const)
      expect(PAGE).toContain(`| ${name} | \`${hex(number, 8)}\` |`)
    for (const [name, number] of Object.entries({
      ERROR: layouts.ERROR,
      MAP_ADD: layouts.MAP_ADD,
      MAP_DEL: layouts.MAP_DEL,
      ENDPOINT_ONLINE: layouts.ENDPOINT_ONLINE,
      ENDPOINT_OFFLINE: layouts.ENDPOINT_OFFLINE,
      TOPOLOGY_RESET: layouts.TOPOLOGY_RESET,
      TOPOLOGY_DEV_ADD: layouts.TOPOLOGY_DEV_ADD,
      TOPOLOGY_COMMIT: layouts.TOPOLOGY_COMMIT,
      MAP_RELEASED: layouts.MAP_RELEASED,
    }))
      expect(PAGE).toContain(`| \`${hex(number)}\` | ${name} |`)
  })

  it("has our limits, and says that nothing of it is merged", () => {
    expect(PAGE).toContain("**It is merged nowhere.**")
    expect(PAGE).toContain(`version ${layouts.BRIDGE_VERSION} may change`)
    expect(PAGE).toContain(`at least ${layouts.LEAST_MAX_MESSAGE_SIZE} bytes`)
    expect(PAGE).toContain(`Each has ${layouts.RING_ENTRIES} slots`)
    expect(PAGE).toContain(`multiple of ${layouts.ENTRY_ALIGNMENT} bytes`)
    expect(PAGE).toContain(`more than ${MOST_WINDOWS} windows with ENOSPC`)
    expect(PAGE).toContain(`more than ${MOST_BYTES / 2 ** 30} GiB with ENOMEM`)
    expect(PAGE).toContain(`more than ${MANY_WINDOWS} windows are mapped`)
    expect(PAGE).toContain(`does not answer in ${REQUEST_TIMEOUT_MS / 1000} s`)
    expect(PAGE).toContain(`more than ${MOST_REQUESTS} requests at once`)
  })

  it("is what the rows refer to: each section is on it, and their numbers are told", () => {
    const sections = new Set(BRIDGE_TABLE.map(({ section }) => section))
    expect([...sections].filter((section) => !TEXT.includes(`\n## ${section}\n`))).toEqual([])
    expect(PAGE).toContain(`The rows, K1 to K${BRIDGE_TABLE.length},`)
    expect(BRIDGE_TABLE.map(({ id }) => id)).toEqual(BRIDGE_TABLE.map((_, at) => `K${at + 1}`))
  })
})
