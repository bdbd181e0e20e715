// An entry of the table of commands, and what a command's module exports.

import type { Command } from "commander"
import type { RunCommand } from "./context.js"

/** `define` gives the command its options, arguments, examples and action. */
export interface CommandModule {
  /** `run` is for a command that runs others, `entries` for one that describes them. */
  define(command: Command, run: RunCommand, entries: readonly CommandEntry[]): void
}

export interface CommandEntry {
  readonly name: string
  readonly description: string
  readonly load: () => Promise<CommandModule>
}
