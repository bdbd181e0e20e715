// The program `virtio-msg` without commands: its global options and its help, as commander has them.

import { Command, Option } from "commander" // subcommands, help and suggestions as users know them
import { PORT_FORMS, PORT_VARIABLE } from "../node/port-forms.js"
import { asTyped } from "./as-typed.js"
import type { CommandEntry } from "./command-entry.js"
import { COLOUR_CHOICES } from "./context.js"
import { EXIT_MEANINGS, EXIT_OK } from "./exit-codes.js"
import { foldHelp } from "./fold-help.js"
import { packageVersion } from "./version.js"

export interface ProgramOutput {
  /** Receives what is wrong with the command line. */
  readonly writeErr: (text: string) => void
  /** Receives help texts; they go to stdout when absent. */
  readonly writeOut?: (text: string) => void
}

/** The program with all its commands loaded, for code that describes them. */
export async function loadProgram(entries: readonly CommandEntry[]): Promise<Command> {
  const program = makeBareProgram({ writeErr: () => {}, writeOut: () => {} })
  for (const { name, description, load } of entries)
    (await load()).define(program.command(name).description(description), async () => EXIT_OK, entries)
  return program
}

/** The program without commands: it has the options that are typed before a command. */
export function makeBareProgram({
  writeErr,
  writeOut = (text) => void process.stdout.write(text),
}: ProgramOutput): Command {
  return (
    new Command("virtio-msg")
      .description("Drives the virtio devices of a microcontroller over virtio-msg.")
      .version(packageVersion())
      .option("-p, --port <port>", `${PORT_FORMS} (default: ${PORT_VARIABLE}, else auto)`)
      .option("--trace <file>", "write what crosses the link to a pcapng capture, for Wireshark")
      .addOption(
        new Option("--color <when>", "auto (at a terminal, unless NO_COLOR is set), always or never").choices(
          COLOUR_CHOICES,
        ),
      )
      .showSuggestionAfterError()
      .exitOverride()
      // with their arguments the names would leave no room for what they do
      .configureHelp({ subcommandTerm: (command) => [command.name(), ...command.aliases()].join("|") })
      .configureOutput({
        writeErr: (text) => writeErr(/^(error|hint): /.test(text) ? text : foldHelp(text)),
        writeOut: (text) => writeOut(foldHelp(text)),
        // commander's suggestion stands in parentheses
        outputError: (text, write) => write(text.replace(/^\((Did you mean .+)\)$/m, "hint: $1")),
      })
      .addHelpText(
        "after",
        "\nExample:\n  $ virtio-msg --port sim i2c get 0x54 14\n  0x66\n\n" +
          `Exit codes: ${EXIT_MEANINGS.map(([code, meaning]) => `${code} ${meaning}`).join(", ")}.`,
      )
      .showHelpAfterError(asTyped("hint: See virtio-msg --help"))
  )
}
