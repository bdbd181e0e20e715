// What every command needs: the chosen port, a bus on it, where to write, and whether in colours.

import type { Writable } from "node:stream"
import type { Command } from "commander"
import pc from "picocolors" // escape codes by name
import { defaultPort, PORT_VARIABLE } from "../node/port-forms.js"
import type { OpenedBus } from "../open-bus.js"
import { visibleLines } from "../visible-text.js"
import { asTyped } from "./as-typed.js"
import { LiveLines } from "./live-lines.js"

export const COLOUR_CHOICES = ["auto", "always", "never"] as const
export type ColourChoice = (typeof COLOUR_CHOICES)[number]

/**
 * As --color says. Without it: colours where stdout is a terminal, unless NO_COLOR or FORCE_COLOR say otherwise; never
 * in pipes and CI.
 */
export let colours = pc.createColors(wantsColours("auto"))

/** From now on, colours are as --color says. */
export function setColours(choice: ColourChoice): void {
  colours = pc.createColors(wantsColours(choice))
}

function wantsColours(choice: ColourChoice): boolean {
  if (choice !== "auto") return choice === "always"
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR) return false
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0"
  return process.stdout.isTTY === true && TERM !== "dumb"
}

let results: Writable = process.stdout
let live: LiveLines | undefined
const notes = new LiveLines(process.stderr, () => {})

/** From now on, results go there, because stdout is needed for something else. */
export function sendResultsTo(sink: Writable): void {
  results = sink
  live = undefined
}

/** Writes a line of results to stdout. Whatever the line holds, a terminal only obeys its colours. */
export function print(line = ""): void {
  results.write(`${visibleLines(line)}\n`)
}

/** Writes bytes where results go. Settles when they were taken, so that a slow reader slows down whoever writes. */
export function printBytes(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    results.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

/** Writes a value to stdout as JSON, for programs: in one line. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value))
}

/** As `print`, for lines that come without being asked for. Lines that nobody reads are left out and counted. */
export function printLive(line: string): void {
  live ??= new LiveLines(results, note)
  live.write(visibleLines(line))
}

/** Writes a line to stderr that is not a result. As safe as `print`, and left out where nobody reads. */
export function note(line: string): void {
  notes.write(visibleLines(line))
}

/** What printError needs of an error. A VirtioMsgError has it. */
export interface PrintedError {
  /** An ErrorCode, or DEFECT or OUTPUT_FAILED, which no call of the library ends with. */
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
}

/** Writes an error and what to do about it. As a line of JSON for those who read the results as JSON. */
export function printError(error: PrintedError, isJson = false): void {
  const { code, message, hint } = error
  if (isJson) {
    note(JSON.stringify({ error: { code, message, hint: hint === undefined ? null : asTyped(hint) } }))
    return
  }
  note(`error: ${message}`)
  if (hint) noteHint(hint)
}

/** Writes to stderr what to do next. */
export function noteHint(hint: string): void {
  note(`hint: ${asTyped(hint)}`)
}

/** Runs a command line as a shell would; prints its errors and returns its exit code. Never throws. */
export type RunCommand = (words: readonly string[]) => Promise<number>

/** The value of --port, wherever it is on the command line; otherwise that of VIRTIO_MSG_PORT, or `auto`. */
export function portOf(command: Command): string {
  return command.optsWithGlobals<{ port?: string }>().port ?? defaultPort()
}

/** Who chose the port: the command line, the environment, or nobody. */
export function portSourceOf(command: Command): "--port" | typeof PORT_VARIABLE | "default" {
  if (command.optsWithGlobals<{ port?: string }>().port !== undefined) return "--port"
  return process.env[PORT_VARIABLE] ? PORT_VARIABLE : "default"
}

/** The port that was typed before a command, for another command that this one runs. Nothing if none was typed. */
export function typedPort(command: Command): string[] {
  return portSourceOf(command) === "--port" ? ["--port", portOf(command)] : []
}

/** The end of a command's help: lines that can be typed as they are. */
export function helpExamples(...lines: string[]): string {
  const title = lines.length === 1 ? "Example" : "Examples"
  return `\n${title}:\n${lines.map((line) => `  $ ${line}`).join("\n")}`
}

/** Thrown in place of the work of a command line that is only checked, when nothing is wrong with it. */
export class LineAccepted extends Error {}

/** Opens the bus that the command line names, runs `work`, and closes it whatever happens. */
export async function withBus<T>(command: Command, work: (bus: OpenedBus) => Promise<T>): Promise<T> {
  if (command.optsWithGlobals<{ isOnlyChecked?: true }>().isOnlyChecked) throw new LineAccepted()
  // loaded here, since a help text does not need it
  const [{ openBus }, { processTrace }] = await Promise.all([
    import("../open-bus.js"),
    import("./process-trace.js"),
  ])
  const { sayWhile } = await import("./progress.js")
  const port = portOf(command)
  const bus = await sayWhile(
    `Waiting for the firmware on ${port}`,
    openBus({ port, onChoice: note, trace: processTrace }),
  )
  try {
    return await work(bus)
  } finally {
    await bus.close()
  }
}
