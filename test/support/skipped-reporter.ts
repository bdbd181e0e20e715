// A reporter for vitest. At the start it says how long everything takes and how to run less. At the end it says why
// tests were skipped: a line for each reason, with the command that enables them.

import type { Reporter, TestCase, TestModule, Vitest } from "vitest/node"

const START =
  "All tests: 5 to 10 minutes on two cores, by what is installed (guests in QEMU, Chromium, tshark).\n" +
  "Less: npm run test:quick takes about a minute; npx vitest run test/host/bus.test.ts takes one file.\n"

/** The part of a title that says why a suite or a test is skipped (because.ts): `Linux (skipped: REASON)`. */
const REASON = /\(skipped: (?:enable with: )?(.+)\)$/

/** The text after `skipped: ` in the names. The innermost name that has it counts. */
export function reasonIn(names: readonly string[]): string {
  for (const name of names) {
    const [, reason] = REASON.exec(name) ?? []
    if (reason !== undefined) return reason
  }
  return "no reason is given in the title"
}

/** The lines of the summary, the reason with most tests first. `counts` has the number of tests by reason. */
export function summary(counts: ReadonlyMap<string, number>): string[] {
  const rows = [...counts].sort(([, a], [, b]) => b - a)
  const total = rows.reduce((sum, [, count]) => sum + count, 0)
  if (total === 0) return []
  return [
    `Skipped ${total} of the tests. What enables them:`,
    ...rows.map(([reason, count]) => `${String(count).padStart(6)}  ${reason}`),
  ]
}

export class SkippedReporter implements Reporter {
  readonly #write: (text: string) => void
  readonly #isWhole: boolean
  /** Only tests with some names run: the person knows what is left out. */
  #isPicked = false

  /** `isWhole`: all tests run, which takes long. */
  constructor(
    isWhole = process.env.npm_lifecycle_event === "test",
    write: (text: string) => void = (text) => process.stdout.write(text),
  ) {
    this.#isWhole = isWhole
    this.#write = write
  }

  onInit(vitest?: { readonly config: Pick<Vitest["config"], "testNamePattern"> }): void {
    this.#isPicked = vitest?.config.testNamePattern !== undefined
    if (this.#isWhole) this.#write(START)
  }

  onTestRunEnd(modules: readonly Pick<TestModule, "children">[]): void {
    if (this.#isPicked) return
    const counts = new Map<string, number>()
    for (const module of modules)
      for (const test of module.children.allTests("skipped")) {
        if (test.options.mode === "run") continue // left out after a failure: the person knows
        const reason = reasonIn(namesOf(test))
        counts.set(reason, (counts.get(reason) ?? 0) + 1)
      }
    const lines = summary(counts)
    if (lines.length > 0) this.#write(`\n${lines.join("\n")}\n\n`)
  }
}

/** The test's name, and those of the suites around it. */
function namesOf(test: TestCase): string[] {
  const names = [test.name]
  for (let at: TestCase["parent"] = test.parent; at.type === "suite"; at = at.parent) names.push(at.name)
  return names
}
