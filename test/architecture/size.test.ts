// A file has one reason to exist, and is rarely longer than 300 lines; what is longer stands here with its reason.

import { readFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { repositoryFiles } from "../support/repository-files.js"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const MOST_LINES = 300
/** Tests are lists of cases: to read one, nobody has to read the others. */
const MOST_TEST_LINES = 400

const HOT = "the chip runs it for every packet: a call between two objects costs it 50 microseconds"
const PARTS = "one state that all of it changes: halves would hand it to and fro"
const LIBRARY = "one table of the C library's functions, with what each is called as"
const STYLE = "one view's looks"

/** At most so many lines, and why. */
const LONGER: Readonly<Record<string, readonly [most: number, reason: string]>> = {
  "host/src/node/vhost-user/libc.ts": [320, LIBRARY],
  "host/src/node/vhost-user/session.ts": [360, PARTS],
  "host/web/src/style/ladder.css": [430, STYLE],
  "shared-protocol/src/device/gpio.ts": [360, HOT],
  "shared-protocol/src/device/i2c.ts": [410, HOT],
  "shared-protocol/src/device/transport-device.ts": [400, HOT],
  "shared-protocol/src/mailbox/mailbox.ts": [460, HOT],
  "shared-protocol/src/ring/device-ring.ts": [410, HOT],
}

const FILES = repositoryFiles((file) => /\.(ts|mjs|js|css|lua|html)$/.test(file))

function linesOf(file: string): number {
  return readFileSync(path.join(ROOT, file), "utf8").trimEnd().split("\n").length
}

it("no file is longer than its limit", () => {
  expect(FILES.length).toBeGreaterThan(500)
  const limitOf = (file: string) =>
    LONGER[file]?.[0] ?? (file.startsWith("test/") ? MOST_TEST_LINES : MOST_LINES)
  const longer = FILES.map((file) => ({ file, lines: linesOf(file) }))
  expect(longer.filter(({ file, lines }) => lines > limitOf(file))).toEqual([])
})

it("no exception is left that nothing needs", () => {
  const needless = Object.keys(LONGER).filter((file) => !FILES.includes(file) || linesOf(file) <= MOST_LINES)
  expect(needless).toEqual([])
})
