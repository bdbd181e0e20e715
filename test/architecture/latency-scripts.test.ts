// The comparisons in a guest (npm run bench:linux) are no part of npm test, and import compiled files by name: each of them is
// made from a file that is there.

import { existsSync, readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { expect, it } from "vitest"

const ROOT = path.join(import.meta.dirname, "../..")
const FOLDER = path.join(ROOT, "test/linux/latency")

it("the scripts of npm run bench:linux load and compile only what is there", () => {
  const named = readdirSync(FOLDER)
    .filter((name) => name.endsWith(".mjs"))
    .flatMap((name) => {
      const text = readFileSync(path.join(FOLDER, name), "utf8")
      const loaded = [...text.matchAll(/load\("([^"]+)\.js"\)/g)].map(([, file]) => `${file}.ts`)
      const sources = [...text.matchAll(/"([\w./-]+\.c)"/g)].map(([, file]) => `test/linux/latency/${file}`)
      return [...loaded, ...sources]
    })
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([])
})
