// What every command needs: the chosen port, a bus on it, and where to write.

import type { Command } from "commander"
import type { VirtioMsgError } from "../errors.js"
import { type OpenedBus, openBus } from "../open-bus.js"

/** Writes a line to stdout: results. */
export function print(line = ""): void {
  process.stdout.write(`${line}\n`)
}

/** Writes a line to stderr: what is not a result. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`)
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

/** Opens the bus that the command line names, runs `work`, and closes it whatever happens. */
export async function withBus<T>(command: Command, work: (bus: OpenedBus) => Promise<T>): Promise<T> {
  const bus = await openBus({ port: portOf(command), onChoice: note })
  try {
    return await work(bus)
  } finally {
    await bus.close()
  }
}
