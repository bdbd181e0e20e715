// The kept cases of every fuzz target; random ones for 1 s each; and whether the generators reach every class
// of hostility. New cases: `npm run fuzz`.

import path from "node:path"
import { describe, expect, it } from "vitest"
import { type FuzzResult, fuzz, keptCases } from "./run-target.js"
import { toCorpusText } from "./target.js"
import { TARGETS } from "./targets/index.js"

const CORPUS = path.join(import.meta.dirname, "corpus")
const DURATION_MS = 1000
/** What a target needs beside: a board that boots, a case that is made small, on a machine that does other work. */
const SPARE_MS = 120_000
/**
 * The same for everybody, so that a test fails by a change and not by chance: a faster machine gets further with the
 * same cases. FUZZ_SEED=N takes others, as `npm run fuzz` always does.
 */
const SEED = Number(process.env.FUZZ_SEED ?? 20260714)
/** So many cases of a target are enough to reach each of its classes. */
const CASES_PER_TARGET = 1000

/** Everything that repeats a failure: the command, and the case itself for test/fuzz/corpus. */
function failureText({ target, seed, cases, failure }: FuzzResult): string {
  if (!failure) return ""
  return [
    `${failure.reason}`,
    `again: npm run fuzz -- --target ${target} --seed ${seed} --cases ${cases}`,
    `the case, for test/fuzz/corpus/${target}/NAME.json: ${toCorpusText(failure.saved)}`,
  ].join("\n")
}

describe.each(TARGETS)("fuzz target $name", (target) => {
  for (const kept of keptCases(target, CORPUS))
    it(`withstands ${path.basename(kept.file, ".json")}`, { timeout: SPARE_MS }, () => kept.run())

  it(`withstands random cases (seed ${SEED})`, { timeout: DURATION_MS + SPARE_MS }, async () => {
    const result = await fuzz(target, { seed: SEED, durationMs: DURATION_MS, mostCases: 1_000_000_000 })
    expect(failureText(result)).toBe("")
    expect(result.cases).toBeGreaterThan(0)
    if (process.env.CI) console.info(`fuzz ${target.name}: ${result.cases} cases, seed ${SEED}`)
  })
})

describe.each(TARGETS.filter(({ name, classes }) => classes && name !== "device-strict"))(
  "the cases of fuzz target $name",
  (target) => {
    it(`reach every class of hostility (seed ${SEED})`, { timeout: SPARE_MS }, async () => {
      const limits = { seed: SEED, durationMs: SPARE_MS, mostCases: CASES_PER_TARGET }
      const { classes, cases } = await fuzz(target, limits)
      expect(cases).toBe(CASES_PER_TARGET)
      const missed = Object.entries(classes).filter(([, count]) => count === 0)
      expect(missed).toEqual([])
    })
  },
)
