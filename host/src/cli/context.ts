// What every command needs: the chosen port, a bus on it, where to write, and in which colours.

import type { Writable } from "node:stream"
import type { Command } from "commander"
import pc from "picocolors" // escape codes by name
import { defaultPort, PORT_VARIABLE } from "../node/port-forms.js"
import type { OpenedBus } from "../open-bus.js"
import { visibleLines } from "../visible-text.js"
import { LiveLines } from "./live-lines.js"

const { env } = process
const isForced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "0"
const isTerminal = process.stdout.isTTY === true && env.TERM !== "dumb" && env.FORCE_COLOR !== "0"

/** Colours where stdout is a terminal, unless NO_COLOR or FORCE_COLOR say otherwise; plain text in pipes and in CI. */
export const colours = pc.createColors(!env.NO_COLOR && (isForced || isTerminal))

let results: Writable = process.stdout
let live: LiveLines | undefined
const notes = new LiveLines(process.stderr, () => {})

/** From now on, results go there: stdout is wanted for something else. */
export function sendResultsTo(sink: Writable): void {
  results = sink
  live = undefined
}

/** Writes a line to stdout: results. Whatever is in it, a terminal obeys nothing but its colours. */
export function print(line = ""): void {
  results.write(`${visibleLines(line)}\n`)
}

/** As `print`, for lines that others make come: what nobody reads is left out, and how much is noted. */
export function printLive(line: string): void {
  live ??= new LiveLines(results, note)
  live.write(visibleLines(line))
}

/** Writes a line to stderr: what is not a result. As harmless as `print`, and left out where nobody reads. */
export function note(line: string): void {
  notes.write(visibleLines(line))
}

/** What printError needs of an error; a VirtioMsgError has it. */
export interface PrintedError {
  /** An ErrorCode, or DEFECT or OUTPUT_FAILED, which no call of the library ends with. */
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
}

/** Writes an error and what to do about it; as a line of JSON for who reads the results as JSON. */
export function printError(error: PrintedError, isJson = false): void {
  if (isJson) {
    const { code, message, hint = null } = error
    note(JSON.stringify({ error: { code, message, hint } }))
    return
  }
  note(`error: ${error.message}`)
  if (error.hint) note(`hint: ${error.hint}`)
}

/** Runs a command line as a shell would; prints its errors and returns its exit code. Never throws. */
export type RunCommand = (words: readonly string[]) => Promise<number>

/** The value of --port, wherever on the command line it stands; else VIRTIO_MSG_PORT's, else `auto`. */
export function portOf(command: Command): string {
  return command.optsWithGlobals<{ port?: string }>().port ?? defaultPort()
}

/** Who named the port: the command line, the environment, or nobody. */
export function portSourceOf(command: Command): "--port" | typeof PORT_VARIABLE | "default" {
  if (command.optsWithGlobals<{ port?: string }>().port !== undefined) return "--port"
  return process.env[PORT_VARIABLE] ? PORT_VARIABLE : "default"
}

/** The port as it was typed in front of a command, for one that this command runs; nothing when it was not. */
export function typedPort(command: Command): string[] {
  return portSourceOf(command) === "--port" ? ["--port", portOf(command)] : []
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
