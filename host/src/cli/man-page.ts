// The man page, made from the table of commands: what the help texts say, in roff (man macros, section 1).

import type { Command } from "commander"
import { upperFirst } from "../counted.js"
import { PORT_FORMS, PORT_VARIABLE } from "../node/port-forms.js"
import { loadProgram } from "./bare-program.js"
import type { CommandEntry } from "./command-entry.js"
import { EXIT_MEANINGS } from "./exit-codes.js"

/** The whole page. `version` is the package's. */
export async function manPage(version: string, entries: readonly CommandEntry[]): Promise<string> {
  const program = await loadProgram(entries)
  const lines = [
    `.TH VIRTIO\\-MSG 1 "" "virtio\\-msg ${roff(version)}" "User Commands"`,
    ".SH NAME",
    `virtio\\-msg \\- ${roff(lowerFirst(program.description()).replace(/\.$/, ""))}`,
    ".SH SYNOPSIS",
    ".B virtio\\-msg",
    "[\\fIoptions\\fR] \\fIcommand\\fR [\\fIarguments\\fR]",
    ".SH DESCRIPTION",
    ...paragraphs(program.description()),
    ".PP",
    `A port is ${roff(PORT_FORMS)}.`,
    ".SH OPTIONS",
    ...optionLines(program),
    ".SH COMMANDS",
    ...program.commands.filter((each) => each.name() !== "help").flatMap((each) => commandLines(each, "")),
    ".SH EXIT STATUS",
    ...EXIT_MEANINGS.flatMap(([code, meaning]) => [".TP", `.B ${code}`, roff(`${upperFirst(meaning)}.`)]),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, meaning]) => [".TP", `.B ${roff(name)}`, roff(meaning)]),
    ".SH FILES",
    ...FILES.flatMap(([name, meaning]) => [".TP", `.I ${roff(name)}`, roff(meaning)]),
    ".SH SEE ALSO",
    ".BR i2cdetect (8),",
    ".BR gpioinfo (1),",
    ".BR wireshark (1)",
    ".PP",
    "The guides are in the folder docs of the package.",
  ]
  return `${lines.join("\n")}\n`
}

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  [PORT_VARIABLE, "The port of who names none with --port; without it, auto."],
  ["NO_COLOR", "No colours, whatever it says; --color is stronger."],
  ["FORCE_COLOR", "Colours in pipes, too, unless it is 0; --color is stronger."],
  ["XDG_RUNTIME_DIR", "Where running processes can be traced and simulated boards be found."],
  ["XDG_STATE_HOME", "Where the console's history is kept."],
  ["XDG_CACHE_HOME", "Where downloads and the Linux guest are kept."],
]

const FILES: readonly (readonly [string, string])[] = [
  ["~/.local/state/virtio-msg/console-history", "The lines that were typed into virtio-msg console."],
  ["~/.cache/virtio-msg", "Downloads, and the Linux guest."],
]

function commandLines(command: Command, parent: string): string[] {
  const name = `${parent}${command.name()}`
  const help = command.createHelp()
  const usage = command.usage().split("\n")[0] ?? ""
  const argumentList = help.visibleArguments(command)
  return [
    `.SS virtio\\-msg ${roff(name)} ${roff(usage)}`.trimEnd(),
    ...paragraphs(command.description()),
    ...argumentList.flatMap((argument) => [
      ".TP",
      `.I ${roff(help.argumentTerm(argument))}`,
      roff(help.argumentDescription(argument)),
    ]),
    ...optionLines(command),
    ...afterwords(command),
    ...command.commands
      .filter((child) => child.name() !== "help")
      .flatMap((child) => commandLines(child, `${name} `)),
  ]
}

function optionLines(command: Command): string[] {
  const help = command.createHelp()
  return help
    .visibleOptions(command)
    .filter(({ long }) => long !== "--help")
    .flatMap((option) => [
      ".TP",
      `.B ${roff(help.optionTerm(option))}`,
      roff(help.optionDescription(option)) || "\\&",
    ])
}

/** What is below the options in a help text: examples, as they are typed, and sentences. */
function afterwords(command: Command): string[] {
  let whole = ""
  const { writeOut } = command.configureOutput()
  command.configureOutput({
    writeOut: (text) => {
      whole += text
    },
  })
  command.outputHelp()
  if (writeOut) command.configureOutput({ writeOut })
  const text = whole.slice(command.helpInformation().length).trim()
  if (text === "") return []
  return text.split(/\n\n|\n(?=[^ ])|(?<=\n {2}.*)\n(?! {2})/).flatMap((block) => {
    const [title = "", ...rest] = block.split("\n")
    if (rest.length === 0) return [".PP", roff(title)]
    return [
      ".PP",
      roff(title),
      ".PP",
      ".nf",
      ...rest.map((line) => roff(line.replace(/^ {2}\$ /, "    "))),
      ".fi",
    ]
  })
}

function paragraphs(text: string): string[] {
  return text.split("\n").map(roff)
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1)
}

/** A text as roff prints it literally: without requests, escapes and hyphenated options. */
function roff(text: string): string {
  const safe = text
    .trimEnd()
    .replace(/\\/g, "\\e")
    .replace(/-/g, "\\-")
    .replace(/'/g, "\\(aq")
    .replace(/"/g, "\\(dq")
    .replace(/`/g, "\\(ga")
    .replace(/\^/g, "\\(ha")
    .replace(/~/g, "\\(ti")
  return /^[.']/.test(safe) ? `\\&${safe}` : safe
}
