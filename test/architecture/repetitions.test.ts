// The product says nothing twice: no two places share seven lines or more that are alike but for names, numbers and
// strings. Where that is right, it stands here with its reason.

import { readFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { repositoryFiles } from "../support/repository-files.js"
import { repetitionsAmong, shapesOf } from "./repeated-shapes.js"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const LEAST_LINES = 7

/** `file ~ file`, the earlier name first, and why the two may be alike. */
const CODEC = "a message's layout is written out, byte for byte, in each direction"
const FIELDS = "the head of a class with a constructor: its fields, one after another"
const MESSAGES = "shared-protocol/src/messages"

const ALIKE: Readonly<Record<string, string>> = {
  [`${MESSAGES}/config.ts ~ ${MESSAGES}/status.ts`]: CODEC,
  [`${MESSAGES}/bus.ts ~ ${MESSAGES}/bus.ts`]: CODEC,
  [`${MESSAGES}/config.ts ~ ${MESSAGES}/features.ts`]: CODEC,
  [`${MESSAGES}/events.ts ~ ${MESSAGES}/shm.ts`]: CODEC,
  "shared-protocol/src/device/console.ts ~ shared-protocol/src/device/rng.ts":
    "where both fill a buffer, they count differently; a call to one maker of both costs the chip 50 microseconds",
  "firmware/src/shell/commands.ts ~ firmware/src/shell/simulated-commands.ts":
    "numbers with names, and a list for help",
  "host/src/bus/pending-requests.ts ~ host/src/trace/request-watch.ts": FIELDS,
  "host/web/src/view/time-controls.ts ~ host/web/src/view/trouble.ts": FIELDS,
}

const FILES = repositoryFiles(
  // boards are data: they are alike because they have the same fields
  (file) => /^(shared-protocol|firmware|host)\/.*\.ts$/.test(file) && !file.endsWith(".d.ts"),
)

it("no two places of the product are alike, but for those with a reason", () => {
  expect(FILES.length).toBeGreaterThan(300)
  const texts = FILES.map((file) => shapesOf(file, readFileSync(path.join(ROOT, file), "utf8")))
  const found = new Map<string, string>()
  for (const { lines, first, second } of repetitionsAmong(texts, LEAST_LINES)) {
    const pair = [first, second].sort((a, b) => (a.file < b.file ? -1 : 1))
    const files = pair.map(({ file }) => file).join(" ~ ")
    if (!found.has(files))
      found.set(files, `${lines} lines, from ${pair.map(({ line }) => line).join(" and ")}`)
  }
  const without = [...found].filter(([files]) => !(files in ALIKE))
  expect(without).toEqual([])
  expect(Object.keys(ALIKE).filter((files) => !found.has(files))).toEqual([])
})

describe("the search for repetitions", () => {
  const code = ["if (a > 1) b(a)", "const c = d.e(2)", "for (const f of g) h(f)", "return i ? j : k"]
  const other = [
    "if (x > 7) y(x)",
    'const z = u.v(3) // "why"',
    "for (const w of t) s(w)",
    "return r ? q : p",
  ]
  const search = (a: string[], b: string[], least: number) =>
    repetitionsAmong([shapesOf("a.ts", a.join("\n")), shapesOf("b.ts", b.join("\n"))], least).map(
      ({ lines, first, second }) => [lines, first.line, second.line],
    )

  it("finds lines that are alike but for names, numbers, comments and imports, and tells where they begin", () => {
    expect(search(code, ['import { a } from "b"', "// words", ...other], 3)).toEqual([[4, 1, 3]])
  })

  it("finds nothing in lines of another shape, nor in the rows of a table", () => {
    const rows = Array.from({ length: 9 }, (_, n) => `row(${n}, "name")`)
    expect(search(code, ["if (x) y(x)", ...other.slice(1, 3)], 3)).toEqual([])
    expect(search(rows, rows, 3)).toEqual([])
  })
})
