// Names that mean one thing each.

import { readFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { repositoryFiles } from "../support/repository-files.js"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const FILES = repositoryFiles((file) =>
  /^(shared-protocol|firmware|boards|host\/(src|web\/src))\/.*\.ts$/.test(file),
)

/** Where one of the product's files has what `pattern` finds. */
function linesWith(pattern: RegExp): string[] {
  return FILES.flatMap((file) =>
    readFileSync(path.join(ROOT, file), "utf8")
      .split("\n")
      .filter((line) => pattern.test(line) && !/^\s*(\*|\/\/)/.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  )
}

it("one file is called conversation.ts, and one session.ts", () => {
  for (const name of ["conversation.ts", "session.ts"])
    expect([name, FILES.filter((file) => path.basename(file) === name).length]).toEqual([name, 1])
})

it("no variable is called as its own property: an OpenedBus has a bus, and is none", () => {
  expect(linesWith(/\bbus\.bus\b/)).toEqual([])
})

it("a generation is a configuration's, and numbers become hexadecimal in host/src/hex.ts alone", () => {
  expect(linesWith(/\b(bus|link|epoch|session)Generation\b/i)).toEqual([])
  expect(linesWith(/\.toString\(16\)/).filter((line) => !line.startsWith("host/src/hex.ts"))).toEqual([])
})

it("a chain says in its name whose view of a descriptor chain it is", () => {
  expect(linesWith(/^export (?:class|interface|type) Chain\b/)).toEqual([])
})
