// `virtio-msg console`: the microcontroller's log and shell. With a command, runs that; with lines on standard input,
// runs those; at a terminal, talks until Ctrl-D.

import { once } from "node:events"
import { createInterface } from "node:readline"
import type { Command } from "commander"
import type { ConsolePort } from "../driver/console-port.js"
import { ConsoleShell, isUnknownCommand } from "../driver/console-shell.js"
import { VirtioMsgError } from "../errors.js"
import { helpExamples, note, withBus } from "./context.js"
import { EXIT_FAILED } from "./exit-codes.js"
import { untilRead } from "./live-lines.js"
import { untilStopped } from "./until-stopped.js"

export function define(command: Command): void {
  command
    .argument("[command...]", "a command for the microcontroller's shell; help lists them")
    .addHelpText(
      "after",
      helpExamples("virtio-msg --port sim console help", "virtio-msg --port sim console chips"),
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
 * Runs lines one after another, and prints what they print; the log goes to standard error. `lines` is called when
 * they are wanted: readline does not keep those that come before.
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

/** The terminal does echo and line editing; lines go to the board as a whole. */
async function talk(port: ConsolePort, board: string): Promise<void> {
  const stopped = Promise.race([once(process.stdin, "end"), untilStopped()])
  note(`The console of ${board}. Type help for its commands, Ctrl-D to leave.`)
  const send = (bytes: Uint8Array) => {
    port.write(bytes).catch(() => {}) // the reader hears of it, too
  }
  process.stdin.on("data", send)
  send(new TextEncoder().encode("\n")) // for a prompt
  const show = async (): Promise<void> => {
    for (;;) {
      try {
        for await (const bytes of port) {
          process.stdout.write(bytes)
          await untilRead(process.stdout) // the rest waits in the device
        }
        return
      } catch (error) {
        if (!(error instanceof VirtioMsgError) || error.code === "LINK_CLOSED") throw error
        note(`\n${error.message}`)
        send(new TextEncoder().encode("\n"))
      }
    }
  }
  try {
    await Promise.race([show(), stopped])
  } finally {
    process.stdin.off("data", send)
    process.stdin.pause()
    process.stdout.write("\n")
  }
}
