// Runs a target: its kept cases, or random ones for so long or so many.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import fc from "fast-check"
import { type FuzzTarget, fromCorpusText, toCorpusText } from "./target.js"

export interface FuzzLimits {
  readonly seed: number
  readonly durationMs: number
  readonly mostCases: number
}

export interface FuzzResult {
  readonly target: string
  readonly seed: number
  readonly cases: number
  /** How many cases reached each class of hostility, for targets that have such. */
  readonly classes: Readonly<Record<string, number>>
  /** The smallest case that failed, and why. */
  readonly failure: { readonly saved: unknown; readonly reason: string } | undefined
}

/** Random cases, until one fails or a limit is reached; one that fails is made as small as it gets. */
export async function fuzz(target: FuzzTarget, limits: FuzzLimits): Promise<FuzzResult> {
  let cases = 0
  target.classes?.reset()
  const property = fc.asyncProperty(target.cases, async (value) => {
    cases++
    await target.run(value)
  })
  const report = await fc.check(property, {
    seed: limits.seed | 0,
    numRuns: limits.mostCases,
    interruptAfterTimeLimit: limits.durationMs,
    markInterruptAsFailure: false,
    endOnFailure: false,
  })
  const { counterexample } = report
  const failure = counterexample
    ? { saved: target.save(counterexample[0]), reason: String(report.errorInstance) }
    : undefined
  return { target: target.name, seed: limits.seed, cases, classes: target.classes?.counts() ?? {}, failure }
}

export interface KeptCase {
  readonly file: string
  run(): Promise<void>
}

/** The cases of a target that are kept in `corpus`. */
export function keptCases(target: FuzzTarget, corpus: string): KeptCase[] {
  const folder = path.join(corpus, target.name)
  let files: string[]
  try {
    files = readdirSync(folder).sort()
  } catch {
    return []
  }
  return files.map((file) => ({
    file: `${target.name}/${file}`,
    async run() {
      await target.run(target.load(fromCorpusText(readFileSync(path.join(folder, file), "utf8"))))
    },
  }))
}

/** Keeps a case; returns its file. */
export function keep(target: FuzzTarget, saved: unknown, name: string, corpus: string): string {
  const folder = path.join(corpus, target.name)
  mkdirSync(folder, { recursive: true })
  const file = path.join(folder, `${name}.json`)
  writeFileSync(file, toCorpusText(saved))
  return file
}
