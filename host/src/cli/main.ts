#!/usr/bin/env node
// The command `virtio-msg`: its subcommands, and what becomes of their errors.

import { readFileSync } from "node:fs"
import { Command, CommanderError } from "commander" // subcommands, help and suggestions as users know them
import { VirtioMsgError } from "../errors.js"
import { PORT_FORMS } from "../node/open-link.js"
import { addDemoCommand } from "./command-demo.js"
import { addI2cCommand } from "./command-i2c.js"
import { addInfoCommand } from "./command-info.js"
import { addLinuxCommand } from "./command-linux.js"
import { addServeCommand } from "./command-serve.js"
import { addSimCommand } from "./command-sim.js"
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
  addDemoCommand(program)
  addInfoCommand(program)
  addI2cCommand(program)
  addSimCommand(program)
  addServeCommand(program)
  addLinuxCommand(program)
  hintAtHelp(program, "virtio-msg")
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
