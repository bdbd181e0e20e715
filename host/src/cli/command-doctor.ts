// `virtio-msg doctor`: everything on the way to the chips, what is wrong there, and the next step.

import type { Command } from "commander"
import { colours, helpExamples, portOf, print } from "./context.js"
import { examine, type Finding, PING_COUNT } from "./doctor-checks.js"
import { EXIT_FAILED, EXIT_OK, exitCodeOf } from "./exit-codes.js"

const PAINT = { ok: colours.green, warning: colours.yellow, failed: colours.red }

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
      await examine(portOf(command), (finding) => {
        findings.push(finding)
        if (!options.json) for (const line of format(finding)) print(line)
      })
      if (options.json) print(JSON.stringify(findings.map(describe), undefined, 2))
      process.exitCode = exitCode(findings)
    })
}

function format({ check, state, text, next }: Finding): string[] {
  const line = `${PAINT[state](state.padEnd(8))} ${check.padEnd(11)} ${text}`
  return next ? [line, `${"".padEnd(21)}next: ${next}`] : [line]
}

function describe({ check, state, text, next }: Finding) {
  return { check, state, text, next: next ?? null }
}

function exitCode(findings: readonly Finding[]): number {
  const failed = findings.find(({ state }) => state === "failed")
  if (!failed) return EXIT_OK
  return failed.error ? exitCodeOf(failed.error.code) : EXIT_FAILED
}
