// What `npm test` says of tests that were skipped: every suite that can be names the reason, and the reporter adds up.

import { readFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { because } from "../support/because.js"
import { repositoryFiles } from "../support/repository-files.js"
import { reasonIn, SkippedReporter, summary } from "../support/skipped-reporter.js"

const ROOT = path.join(import.meta.dirname, "../..")

/** Whatever leaves a test out, to the end of the title behind it. */
const SKIPPING = /(?:\bskipIf|\brunIf|\.skip|\.todo)\([\s\S]*?(?:,\s*(?:\{|async\b|\(|limits\b)|$)/g
/** A title that ends with what `because` makes. */
const WITH_REASON = /^skipIf\([\s\S]*\$\{(?:because\(\w+\)|skipped|skipped\("\w+"\)|[A-Z_]+)\}`,/

describe("a reason", () => {
  it("is what the title says, or that of a suite around it", () => {
    const install = "apt-get install -y --no-install-recommends qemu-system-arm"
    expect(reasonIn(["a test", `Linux (skipped: enable with: ${install})`])).toBe(install)
    const browser = "apt-get install chromium (or set CHROMIUM to its path)"
    expect(reasonIn(["a test", `the tour${because(`enable with: ${browser}`)}`])).toBe(browser)
    expect(because("")).toBe("")
    expect(reasonIn(["inner (skipped: b)", "outer (skipped: a)"])).toBe("b")
    expect(reasonIn(["a test", "a suite"])).toBe("no reason is given in the title")
  })

  it("stands with its count, the largest first", () => {
    expect(
      summary(
        new Map([
          ["apt-get install tshark", 9],
          ["apt-get install chromium", 41],
        ]),
      ),
    ).toEqual([
      "Skipped 50 of the tests. What enables them:",
      "    41  apt-get install chromium",
      "     9  apt-get install tshark",
    ])
    expect(summary(new Map())).toEqual([])
  })

  it("is in the title wherever tests can be skipped", () => {
    const files = repositoryFiles(
      (file) => /^test\/.*\.ts$/.test(file) && file !== "test/architecture/skipped.test.ts",
    )
    const calls = files.flatMap((file) =>
      [...readFileSync(path.join(ROOT, file), "utf8").matchAll(SKIPPING)].map(([call]) => ({ file, call })),
    )
    expect(calls.length).toBeGreaterThan(50)
    expect(calls.filter(({ call }) => !WITH_REASON.test(call))).toEqual([])
  })

  it.each([
    [`it.skipIf(noGuest)(\`boots\${because(noGuest)}\`, () => {`, true],
    [`describe.skipIf(UNLESS_LINUX).concurrent.each(TROUBLES)(\`%s\${UNLESS_LINUX}\`, () => {`, true],
    [`it\n  .skipIf(UNLESS_LINUX)\n  .each([\n    '(a)',\n  ])(\`%s\${UNLESS_LINUX}\`, () => {`, true],
    ['describe.runIf(runs)("boots", () => {', false],
    ['it.skip("boots", () => {', false],
    ['it.skipIf(process.platform !== "linux")("boots", () => {', false],
    ["context.skip()", false],
  ])("is looked for in %j", (text, isGiven) => {
    const calls = [...text.matchAll(SKIPPING)].map(([call]) => call)
    expect(calls).toHaveLength(1)
    expect(WITH_REASON.test(calls[0] as string)).toBe(isGiven)
  })
})

describe("the start of all tests", () => {
  it("says how long they take, and how to run less; a part of them says nothing", () => {
    const printed: string[] = []
    new SkippedReporter(true, (text) => printed.push(text)).onInit()
    expect(printed.join("")).toMatch(/minutes[\s\S]*npm run test:quick/)
    new SkippedReporter(false, (text) => printed.push(text)).onInit()
    expect(printed).toHaveLength(1)
  })
})

describe("a run of tests of some names", () => {
  it("says nothing of the others; a run of all counts what is skipped", () => {
    const skipped = { name: "a test", parent: { type: "module" }, options: { mode: "skip" } }
    const module = { children: { allTests: () => [skipped] } } as never
    const printed: string[] = []
    for (const testNamePattern of [/some/, undefined]) {
      const reporter = new SkippedReporter(false, (text) => printed.push(text))
      reporter.onInit({ config: { testNamePattern } as never })
      reporter.onTestRunEnd([module])
    }
    expect(printed).toHaveLength(1)
    expect(printed[0]).toContain("     1  no reason")
  })
})
