// `npm run fuzz`: random cases for as long as asked for. A case that fails is made small, printed and kept in
// test/fuzz/corpus, where `npm test` runs it from then on.

import path from "node:path"
import { parseArgs } from "node:util"
import { numberOf, runTool, UsageError } from "../faults/tool-options.js"
import { type FuzzResult, fuzz, keep } from "./run-target.js"
import { toCorpusText } from "./target.js"
import { TARGETS } from "./targets/index.js"

const HELP = `Usage: npm run fuzz -- [options]

  --target NAME   one of the targets below (default: all, one after the other)
  --minutes N     how long for each target (default 1); fractions are allowed
  --cases N       stop after so many cases of each target
  --seed N        repeats a run (default: a new one, printed)
  --json          one object for each target
  --help

Targets:
${TARGETS.map(({ name, about }) => `  ${name.padEnd(15)} ${about}`).join("\n")}

Examples:
  $ npm run fuzz -- --minutes 10 --target device
  $ npm run fuzz -- --cases 50000`

/** From dist/test/fuzz to the folder of the sources. */
const CORPUS = path.join(import.meta.dirname, "../../../test/fuzz/corpus")
const UNLIMITED = 1_000_000_000

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      target: { type: "string" },
      minutes: { type: "string" },
      cases: { type: "string" },
      seed: { type: "string", default: String(Math.floor(Math.random() * 0x7fffffff)) },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target)
  if (targets.length === 0)
    throw new UsageError(
      `There is no target "${values.target}"; there are ${TARGETS.map(({ name }) => name).join(", ")}.`,
    )
  const mostCases = values.cases === undefined ? UNLIMITED : numberOf("--cases", values.cases, 1)
  const minutes =
    values.minutes === undefined
      ? values.cases === undefined
        ? 1
        : 24 * 60
      : numberOf("--minutes", values.minutes, 0)
  const seed = numberOf("--seed", values.seed, 0)
  if (!values.json) console.log(`seed ${seed} (repeat with --seed ${seed})`)

  let uncaught = 0
  process.on("uncaughtException", (error) => {
    uncaught++
    console.error(`error: uncaught: ${error.stack}`)
  })
  let isSound = true
  for (const target of targets) {
    const startMs = performance.now()
    const result = await fuzz(target, { seed, mostCases, durationMs: minutes * 60_000 })
    const seconds = (performance.now() - startMs) / 1000
    isSound &&= result.failure === undefined && uncaught === 0
    if (values.json) console.log(JSON.stringify({ ...result, seconds, uncaught }))
    else console.log(line(result, seconds, uncaught))
    if (result.failure) {
      const name = `found-${seed}`
      console.error(
        `kept as ${keep(target, result.failure.saved, name, CORPUS)}: npm test runs it from now on`,
      )
    }
  }
  return isSound ? 0 : 1
}

function line({ target, cases, classes, failure }: FuzzResult, seconds: number, uncaught: number): string {
  const classLines = Object.entries(classes)
    .map(([name, count]) => `\n  ${String(count).padStart(12)}  ${name}`)
    .join("")
  const end = failure ? `\n  error: ${failure.reason}\n  case: ${toCorpusText(failure.saved)}` : ""
  return `${target.padEnd(15)} ${String(cases).padStart(10)} cases in ${seconds.toFixed(0)} s, ${failure ? 1 : 0} failed, ${uncaught} uncaught${classLines}${end}`
}

await runTool("fuzz", main)
