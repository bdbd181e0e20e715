// `virtio-msg doctor`: everything on the way to the chips, what is wrong there, and the next step.

import type { Command } from "commander"
import { asTyped } from "./as-typed.js"
import { colours, helpExamples, portOf, print } from "./context.js"
import { examine, type Finding, PING_COUNT } from "./doctor-checks.js"
import { EXIT_FAILED, EXIT_OK, exitCodeOf } from "./exit-codes.js"
import { Progress } from "./progress.js"
import { hanging } from "./table.js"

/** The column where the findings begin. */
const INDENT = 21

export function define(command: Command): void {
  command
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `${helpExamples("virtio-msg --port sim doctor", "virtio-msg --port /dev/ttyACM0 doctor --json")}\n` +
        `It takes some seconds: ${PING_COUNT} pings at 50 a second. It reads from every I2C address once.`,
    )
    .action(async (options: { json?: true }, command: Command) => {
      const findings: Finding[] = []
      const progress = new Progress("Pinging")
      const report = (finding: Finding) => {
        progress.clear()
        findings.push(finding)
        if (!options.json) for (const line of format(finding)) print(line)
      }
      await examine(portOf(command), report, (done, total) => progress.show(done, total)).finally(() =>
        progress.clear(),
      )
      if (options.json) print(JSON.stringify(findings.map(describe), undefined, 2))
      process.exitCode = exitCode(findings)
    })
}

function format({ check, state, text, next }: Finding): string[] {
  const paint = { ok: colours.green, warning: colours.yellow, failed: colours.red }
  const lines = hanging(`${paint[state](state.padEnd(8))} ${check.padEnd(11)} `, text, { indent: INDENT })
  return next ? [...lines, ...hanging(" ".repeat(INDENT), `next: ${asTyped(next)}`)] : lines
}

function describe({ check, state, text, next }: Finding) {
  return { check, state, text, next: next === undefined ? null : asTyped(next) }
}

function exitCode(findings: readonly Finding[]): number {
  const failed = findings.find(({ state }) => state === "failed")
  if (!failed) return EXIT_OK
  return failed.error ? exitCodeOf(failed.error.code) : EXIT_FAILED
}
