// `virtio-msg console`: the microcontroller's log and shell. With a command, runs that; with lines on standard input,
// runs those; at a terminal, talks until Ctrl-D.

import { createInterface } from "node:readline"
import type { Command } from "commander"
import type { ConsolePort } from "../driver/console-port.js"
import { ConsoleShell, isUnknownCommand } from "../driver/console-shell.js"
import { talk } from "./console-talk.js"
import { helpExamples, withBus } from "./context.js"
import { EXIT_FAILED } from "./exit-codes.js"
import { untilRead } from "./live-lines.js"

export function define(command: Command): void {
  command
    .argument("[command...]", "a command for the microcontroller's shell; help lists them")
    .addHelpText(
      "after",
      `${helpExamples("virtio-msg --port sim console help", "virtio-msg --port sim console chips")}\n` +
        "At a terminal lines can be edited, and the arrow keys bring back those that were typed before, also another\n" +
        "time; one that begins with a space is not kept. Ctrl-D leaves.",
    )
    .action(async (words: string[], _options: object, command: Command) => {
      await withBus(command, async (bus) => {
        const port = await bus.console()
        if (words.length > 0) await runLines(port, () => [words.join(" ")])
        else if (process.stdin.isTTY) await talk(port, bus.board.board)
        else await runLines(port, () => createInterface({ input: process.stdin }))
      })
    })
}

/**
 * Runs lines one after another, and prints what they print. The log goes to standard error. `lines` is called when
 * they are needed, because readline does not keep lines that come before.
 */
async function runLines(
  port: ConsolePort,
  lines: () => Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  const shell = new ConsoleShell(port)
  process.stderr.write(await shell.log())
  for await (const line of lines()) {
    const output = await shell.run(line)
    process.stdout.write(output)
    if (isUnknownCommand(output)) process.exitCode = EXIT_FAILED
    await untilRead(process.stdout)
  }
}
