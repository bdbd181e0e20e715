// Runs one command line of `virtio-msg`: its subcommands, and what becomes of their errors.

import { Command, CommanderError } from "commander" // subcommands, help and suggestions as users know them
import { VirtioMsgError } from "../errors.js"
import { PORT_FORMS, PORT_VARIABLE } from "../node/port-forms.js"
import { COMMANDS } from "./commands.js"
import { type PrintedError, printError } from "./context.js"
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, exitCodeOf } from "./exit-codes.js"
import { splitTraced } from "./split-traced.js"
import { systemError } from "./system-error.js"
import { application, packageVersion } from "./version.js"

/**
 * `endings` receives what is to be done when the command has ended; each says whether all went well. `writeErr` receives
 * what is wrong with the command line.
 */
function makeProgram(endings: (() => boolean)[], writeErr: (text: string) => void): Command {
  const program = new Command("virtio-msg")
  program
    .description("Drives the virtio devices of a microcontroller over virtio-msg.")
    .version(packageVersion())
    .option("-p, --port <port>", `${PORT_FORMS} (default: ${PORT_VARIABLE}, else auto)`)
    .option("--trace <file>", "write what crosses the link to a pcapng capture, for Wireshark")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeErr,
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
    if (found) (await found.load()).define(chosen, runCommand)
    hintAtHelp(chosen, `virtio-msg ${chosen.name()}`)
  })
  program.hook("preAction", async (_, chosen) => {
    const { trace } = chosen.optsWithGlobals<{ trace?: string }>()
    if (trace === undefined) return
    const { traceToFile } = await import("./trace-file.js") // only who traces pays for it
    endings.push(traceToFile(trace, application()))
  })
  program
    .helpCommand(false) // commander's own would not load the command
    .command("help [command...]")
    .description("display help for command")
    .action(async (names: string[]) => {
      const isKnown = names.length === 0 || COMMANDS.some(({ name }) => name === names[0])
      await makeProgram(endings, writeErr).parseAsync(isKnown ? [...names, "--help"] : names, {
        from: "user",
      })
    })
  program.showHelpAfterError("hint: See virtio-msg --help")
  return program
}

/** After an error on the command line, the hint is the command's own help. */
function hintAtHelp(command: Command, typed: string): void {
  command.showHelpAfterError(`hint: See ${typed} --help`)
  for (const child of command.commands) hintAtHelp(child, `${typed} ${child.name()}`)
}

/** Runs the command that the words name, as a shell would; prints its errors and returns its exit code. Never throws. */
export async function runCommand(words: readonly string[]): Promise<number> {
  const endings: (() => boolean)[] = []
  const code = await run(words, endings)
  const allWell = endings.map((end) => end()).every((isWell) => isWell)
  return code === EXIT_OK && !allWell ? EXIT_FAILED : code
}

/** What commander says of a wrong command line, as an error like ours. */
function usageError(text: string): PrintedError {
  const lines = text.trim().split("\n")
  const hints = lines.filter((line) => line.startsWith("hint: ")).map((line) => line.slice("hint: ".length))
  const message = lines.filter((line) => !line.startsWith("hint: ")).join(" ")
  return {
    code: "INVALID_ARGUMENT",
    message: message.replace(/^error: /, ""),
    hint: hints.join(" ") || undefined,
  }
}

async function run(words: readonly string[], endings: (() => boolean)[]): Promise<number> {
  const { own, traced } = splitTraced(
    words,
    COMMANDS.map(({ name }) => name),
  )
  const isJson = own.includes("--json")
  let usage = ""
  const writeErr = (text: string) => {
    if (isJson) usage += text
    else process.stderr.write(text)
  }
  try {
    const program = makeProgram(endings, writeErr)
    program.setOptionValue("traced", traced)
    await program.parseAsync(own, { from: "user" })
    return Number(process.exitCode ?? EXIT_OK) // `linux --run` returns its command's
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT_OK
      if (isJson) printError(usageError(usage), true)
      return EXIT_USAGE
    }
    const told = error instanceof VirtioMsgError ? error : systemError(error)
    if (told) {
      printError(told, isJson)
      return exitCodeOf(told.code)
    }
    const message = `a defect of virtio-msg: ${error instanceof Error ? error.stack : error}`
    printError(
      { code: "DEFECT", message, hint: "Please report it, with the command that you typed." },
      isJson,
    )
    return EXIT_FAILED
  }
}
