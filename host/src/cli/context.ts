// What every command needs: the chosen port, a bus on it, where to write, and in which colours.

import type { Command } from "commander"
import pc from "picocolors" // escape codes by name
import type { VirtioMsgError } from "../errors.js"
import type { OpenedBus } from "../open-bus.js"
import { visibleLines } from "../visible-text.js"

const { env } = process
const isForced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "0"
const isTerminal = process.stdout.isTTY === true && env.TERM !== "dumb" && env.FORCE_COLOR !== "0"

/** Colours where stdout is a terminal, unless NO_COLOR or FORCE_COLOR say otherwise; plain text in pipes and in CI. */
export const colours = pc.createColors(!env.NO_COLOR && (isForced || isTerminal))

/** What takes text. */
interface TextSink {
  write(text: string): unknown
}

let results: TextSink = process.stdout

/** From now on, results go there: stdout is wanted for something else. */
export function sendResultsTo(sink: TextSink): void {
  results = sink
}

/** Writes a line to stdout: results. Whatever is in it, a terminal obeys nothing but its colours. */
export function print(line = ""): void {
  results.write(`${visibleLines(line)}\n`)
}

/** Writes a line to stderr: what is not a result. As harmless as `print`. */
export function note(line: string): void {
  process.stderr.write(`${visibleLines(line)}\n`)
}

/** Writes an error and what to do about it. */
export function printError(error: VirtioMsgError): void {
  note(`error: ${error.message}`)
  if (error.hint) note(`hint: ${error.hint}`)
}

/** The value of --port, wherever on the command line it stands. */
export function portOf(command: Command): string {
  return command.optsWithGlobals<{ port: string }>().port
}

/** The end of a command's help: lines that can be typed as they are. */
export function helpExamples(...lines: string[]): string {
  const title = lines.length === 1 ? "Example" : "Examples"
  return `\n${title}:\n${lines.map((line) => `  $ ${line}`).join("\n")}`
}

/** Opens the bus that the command line names, runs `work`, and closes it whatever happens. */
export async function withBus<T>(command: Command, work: (bus: OpenedBus) => Promise<T>): Promise<T> {
  // not needed to print a help text
  const [{ openBus }, { processTrace }] = await Promise.all([
    import("../open-bus.js"),
    import("./process-trace.js"),
  ])
  const bus = await openBus({ port: portOf(command), onChoice: note, trace: processTrace })
  try {
    return await work(bus)
  } finally {
    await bus.close()
  }
}
