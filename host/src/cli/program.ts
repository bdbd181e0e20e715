// The program `virtio-msg` as commander has it: global options, the commands of the table, and what its help says.

import type { Command } from "commander"
import { asTyped, setCommandNames } from "./as-typed.js"
import { makeBareProgram, type ProgramOutput } from "./bare-program.js"
import { COMMANDS } from "./commands.js"
import { type ColourChoice, type RunCommand, setColours } from "./context.js"

export interface ProgramSetup extends ProgramOutput {
  /** For commands that run others. */
  readonly run: RunCommand
  /** Called when a command line is right, before its action. */
  readonly beforeAction?: (chosen: Command) => Promise<void> | void
}

/** The module of a command is loaded when the command line names it. */
export function makeProgram(setup: ProgramSetup): Command {
  setCommandNames([...COMMANDS.map(({ name }) => name), "help"])
  const program = makeBareProgram(setup)
  for (const { name, description } of COMMANDS) program.command(name).description(description)
  program.hook("preSubcommand", async (_, chosen) => {
    const { color } = program.opts<{ color?: ColourChoice }>()
    if (color !== undefined) setColours(color) // before the module of a command is loaded
    const found = COMMANDS.find(({ name }) => name === chosen.name())
    if (found) (await found.load()).define(chosen, setup.run, COMMANDS)
    hintAtHelp(chosen, chosen.name())
  })
  program.hook("preAction", (_, chosen) => setup.beforeAction?.(chosen))
  program
    .helpCommand(false) // commander's own would not load the command
    .command("help [command...]")
    .description("display help for command")
    .action(async (names: string[]) => {
      const isKnown = names.length === 0 || COMMANDS.some(({ name }) => name === names[0])
      await makeProgram(setup).parseAsync(isKnown ? [...names, "--help"] : names, { from: "user" })
    })
  return program
}

/** After an error on the command line, the hint is the command's own help. */
function hintAtHelp(command: Command, typed: string): void {
  command.showHelpAfterError(asTyped(`hint: See virtio-msg ${typed} --help`))
  for (const child of command.commands) hintAtHelp(child, `${typed} ${child.name()}`)
}
