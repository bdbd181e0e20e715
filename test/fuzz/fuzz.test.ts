// The kept cases of every fuzz target, and a short run of random ones: 1 s each, in CI 20 s. Longer: `npm run fuzz`.

import path from "node:path"
import { describe, expect, it } from "vitest"
import { fuzz, keptCases } from "./run-target.js"
import { TARGETS } from "./targets/index.js"

const CORPUS = path.join(import.meta.dirname, "corpus")
const DURATION_MS = process.env.CI ? 20_000 : 1000
/** What a target needs beside: a board that boots, a case that is made small. */
const SPARE_MS = 60_000
/** Random, but printed: a run can be repeated by `npm run fuzz -- --seed N`. */
const SEED = Math.floor(Math.random() * 0x7fffffff)

describe.each(TARGETS)("fuzz target $name", (target) => {
  for (const kept of keptCases(target, CORPUS))
    it(`withstands ${path.basename(kept.file, ".json")}`, { timeout: SPARE_MS }, () => kept.run())

  it(`withstands random cases (seed ${SEED})`, { timeout: DURATION_MS + SPARE_MS }, async () => {
    const result = await fuzz(target, { seed: SEED, durationMs: DURATION_MS, mostCases: 1_000_000_000 })
    expect(result.failure).toBeUndefined()
    expect(result.cases).toBeGreaterThan(0)
    if (process.env.CI) console.info(`fuzz ${target.name}: ${result.cases} cases, seed ${SEED}`)
  })
})
