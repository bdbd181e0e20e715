#!/usr/bin/env node
// The command `virtio-msg`: its subcommands, and what becomes of their errors.

import { readFileSync } from "node:fs"
import { Command, CommanderError } from "commander" // subcommands, help and suggestions as users know them
import { VirtioMsgError } from "../errors.js"
import { PORT_FORMS } from "../node/port-forms.js"
import { COMMANDS } from "./commands.js"
import { printError } from "./context.js"
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, exitCodeOf } from "./exit-codes.js"

function packageVersion(): string {
  const manifest = new URL("../../../../package.json", import.meta.url)
  return JSON.parse(readFileSync(manifest, "utf8")).version
}

function makeProgram(): Command {
  const program = new Command("virtio-msg")
  program
    .description("Drives the virtio devices of a microcontroller over virtio-msg.")
    .version(packageVersion())
    .option("-p, --port <port>", PORT_FORMS, "auto")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      // commander's suggestion stands in parentheses
      outputError: (text, write) => write(text.replace(/^\((Did you mean .+)\)$/m, "hint: $1")),
    })
    .addHelpText(
      "after",
      "\nExample:\n  $ virtio-msg --port sim i2c get 0x54 14\n  0x66\n\n" +
        "Exit codes: 0 done, 1 the operation failed, 2 wrong command line, 3 no board, 4 something is not installed.",
    )
  for (const { name, description } of COMMANDS) program.command(name).description(description)
  program.hook("preSubcommand", async (_, chosen) => {
    const found = COMMANDS.find(({ name }) => name === chosen.name())
    if (found) (await found.load()).define(chosen)
    hintAtHelp(chosen, `virtio-msg ${chosen.name()}`)
  })
  program
    .helpCommand(false) // commander's own would not load the command
    .command("help [command...]")
    .description("display help for command")
    .action(async (names: string[]) => {
      const isKnown = names.length === 0 || COMMANDS.some(({ name }) => name === names[0])
      await makeProgram().parseAsync(isKnown ? [...names, "--help"] : names, { from: "user" })
    })
  program.showHelpAfterError("hint: See virtio-msg --help")
  return program
}

/** After an error on the command line, the hint is the command's own help. */
function hintAtHelp(command: Command, typed: string): void {
  command.showHelpAfterError(`hint: See ${typed} --help`)
  for (const child of command.commands) hintAtHelp(child, `${typed} ${child.name()}`)
}

async function main(): Promise<number> {
  try {
    await makeProgram().parseAsync()
    return Number(process.exitCode ?? EXIT_OK) // `linux --run` returns its command's
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE
    if (error instanceof VirtioMsgError) {
      printError(error)
      return exitCodeOf(error.code)
    }
    process.stderr.write(`error: a defect of virtio-msg: ${error instanceof Error ? error.stack : error}\n`)
    process.stderr.write("hint: Please report it, with the command that you typed.\n")
    return EXIT_FAILED
  }
}

// `virtio-msg i2c dump 0x50 | head` closes our output early: that is no error
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT_OK)
  throw error
})
process.exitCode = await main()
