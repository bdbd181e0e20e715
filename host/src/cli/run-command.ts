// Runs one command line of `virtio-msg`, and turns its errors into words and an exit code.

import { CommanderError } from "commander"
import { VirtioMsgError } from "../errors.js"
import type { SeveralBoardsError } from "../node/choose-board.js"
import { type PrintedError, printError } from "./context.js"
import { meantInHex } from "./decimal-address.js"
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, exitCodeOf } from "./exit-codes.js"
import { makeProgram } from "./program.js"
import { splitTraced } from "./split-traced.js"
import { systemError } from "./system-error.js"
import { application } from "./version.js"

/** Runs the command line that the words name, as a shell would; prints its errors and returns its exit code. Never throws. */
export async function runCommand(words: readonly string[]): Promise<number> {
  const endings: (() => boolean)[] = []
  const code = await run(words, endings)
  const allWell = endings.map((end) => end()).every((isWell) => isWell)
  return code === EXIT_OK && !allWell ? EXIT_FAILED : code
}

/** Things to do after the command are added to `endings`. Each of them returns whether all went well. */
async function run(words: readonly string[], endings: (() => boolean)[]): Promise<number> {
  const { own, traced } = splitTraced(words)
  const isJson = own.includes("--json")
  let usage = ""
  try {
    const program = makeProgram({
      writeErr: (text) => {
        usage += text
      },
      run: runCommand,
      beforeAction: async (chosen) => {
        const { trace } = chosen.optsWithGlobals<{ trace?: string }>()
        if (trace === undefined) return
        const { traceToFile } = await import("./trace-file.js") // loaded here, so that only those who trace pay for it
        endings.push(traceToFile(trace, application()))
      },
    })
    program.setOptionValue("traced", traced)
    await program.parseAsync(own, { from: "user" })
    return Number(process.exitCode ?? EXIT_OK) // `linux --run` has set the exit code of its command
  } catch (error) {
    return tell(error, own, usage, isJson)
  }
}

/** Prints an error; returns the exit code. `usage` is what commander says of a wrong command line. */
async function tell(
  error: unknown,
  words: readonly string[],
  usage: string,
  isJson: boolean,
): Promise<number> {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT_OK
  const isUsage = error instanceof CommanderError
  if (isUsage || (error instanceof VirtioMsgError && error.code === "INVALID_ARGUMENT")) {
    const { recogniseHabit } = await import("./habits.js")
    const habit = await recogniseHabit(words)
    if (habit) {
      printError(habit, isJson)
      return EXIT_USAGE
    }
  }
  if (isUsage) {
    if (isJson) printError(usageError(usage), true)
    else process.stderr.write(usage)
    return EXIT_USAGE
  }
  const told = error instanceof VirtioMsgError ? error : systemError(error)
  if (told) {
    printError(await withCommands(told, words), isJson)
    return exitCodeOf(told.code)
  }
  const message = `a defect of virtio-msg: ${error instanceof Error ? error.stack : error}`
  printError({ code: "DEFECT", message, hint: "Please report it, with the command that you typed." }, isJson)
  return EXIT_FAILED
}

/** An error that names several boards, with the command for each in its hint: what was typed, and the board's port. */
async function withCommands(error: VirtioMsgError, words: readonly string[]): Promise<PrintedError> {
  // found by its field, since loading its class may be what failed
  const { ports } = error as Partial<SeveralBoardsError>
  if (!ports) return meantInHex(error, words) ?? error
  const { typedLine, withPort } = await import("./command-line.js")
  const lines = ports.map((port) => `\n  ${typedLine(withPort(words, port))}`)
  return { code: error.code, message: error.message, hint: `Say which:${lines.join("")}` }
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
