// What may come next on a command line, from the table of commands: subcommands, options, and values of options and
// arguments. The shells ask each time. Only the module of the command on the line is loaded.

import type { Argument, Command, Option } from "commander"
import { makeBareProgram } from "./bare-program.js"
import type { CommandEntry } from "./command-entry.js"
import { type Candidate, completionValues, isFileName } from "./completion-values.js"

export interface Completions {
  readonly candidates: readonly Candidate[]
  /** Whether the shell should complete the names of files, too. */
  readonly wantsFiles: boolean
}

/** Commands that may have another command line behind their name. */
const BEFORE_OTHERS = ["trace", "dashboard"]

/**
 * A place on the command line: in a command, behind so many of its arguments, or behind an option that needs a value.
 */
interface Place {
  command: Command
  argumentCount: number
  option?: Option
  /** Behind --: no more options. */
  isPlain: boolean
}

/** `words` are the words before the one that is typed, without the program's name. `current` is its beginning. */
export async function complete(
  entries: readonly CommandEntry[],
  words: readonly string[],
  current: string,
): Promise<Completions> {
  const place = await placeBehind(entries, words)
  const [, option = "", value] = /^(--[\w-]+)=(.*)$/.exec(current) ?? []
  const found = await candidatesAt(place, option, current)
  const typed = value ?? current
  const front = value === undefined ? "" : `${option}=`
  return {
    candidates: found.candidates
      .filter((candidate) => candidate.value.startsWith(typed))
      .map((candidate) => ({ ...candidate, value: front + candidate.value })),
    wantsFiles: found.wantsFiles,
  }
}

async function placeBehind(entries: readonly CommandEntry[], words: readonly string[]): Promise<Place> {
  let place = start(entries)
  for (const [at, word] of words.entries()) {
    const { command } = place
    if (place.option) delete place.option
    else if (word === "--" && BEFORE_OTHERS.includes(command.name())) place = start(entries)
    else if (word === "--") place.isPlain = true
    else if (word.startsWith("-") && !place.isPlain) {
      const option = optionsOf(command).find(({ short, long }) => word === short || word === long)
      if (option?.required) place.option = option
    } else {
      const child = childOf(command, word)
      if (child) {
        await load(entries, child)
        place = { command: child, argumentCount: 0, isPlain: false }
      } else if (command.name() === "trace" && entries.some(({ name }) => name === word))
        return placeBehind(entries, words.slice(at))
      else place.argumentCount++
    }
  }
  return place
}

function start(entries: readonly CommandEntry[]): Place {
  const program = makeBareProgram({ writeErr: () => {}, writeOut: () => {} })
  for (const { name, description } of entries) program.command(name).description(description)
  program.command("help [command...]").description("display help for command")
  return { command: program, argumentCount: 0, isPlain: false }
}

/** Gives a command of the table its options, arguments and subcommands. */
async function load(entries: readonly CommandEntry[], command: Command): Promise<void> {
  const entry = command.parent?.parent ? undefined : entries.find(({ name }) => name === command.name())
  if (entry) (await entry.load()).define(command, async () => 0, entries)
}

function childOf(command: Command, word: string): Command | undefined {
  return command.commands.find((child) => child.name() === word || child.aliases().includes(word))
}

/** The options of a command, and those of the program, which may be anywhere on the line. */
function optionsOf(command: Command): Option[] {
  const help = command.createHelp()
  const inherited = command.parent ? optionsOf(command.parent) : []
  return [
    ...help.visibleOptions(command),
    ...inherited.filter(({ long }) => long !== "--help" && long !== "--version"),
  ]
}

async function candidatesAt(place: Place, optionWithValue: string, current: string): Promise<Completions> {
  const { command, argumentCount, isPlain } = place
  const option =
    place.option ?? optionsOf(command).find(({ long }) => long === optionWithValue && optionWithValue !== "")
  if (option) return valuesOf(command, option)
  if (current.startsWith("-") && !isPlain) return { candidates: optionCandidates(command), wantsFiles: false }
  const children = argumentCount === 0 ? commandCandidates(command) : []
  const argument = argumentAt(command, argumentCount)
  if (command.name() === "help" && command.parent)
    return { candidates: commandCandidates(command.parent), wantsFiles: false }
  const values = argument ? await valuesOf(command, argument) : { candidates: [], wantsFiles: false }
  const candidates = [...children, ...values.candidates]
  const hasNothing = candidates.length === 0 && !argument && current === "" && !isPlain
  return {
    candidates: hasNothing ? optionCandidates(command) : candidates,
    wantsFiles: values.wantsFiles,
  }
}

function argumentAt(command: Command, index: number): Argument | undefined {
  const { registeredArguments } = command
  const last = registeredArguments.at(-1)
  return registeredArguments[index] ?? (last?.variadic ? last : undefined)
}

function commandCandidates(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((child) => ({ value: child.name(), about: child.description() }))
}

function optionCandidates(command: Command): Candidate[] {
  return optionsOf(command).flatMap(({ long, short, description }) => {
    const value = long ?? short
    return value === undefined ? [] : [{ value, about: description }]
  })
}

/** The values of an option or an argument: its choices, or those that are known for the command and its name. */
async function valuesOf(command: Command, part: Option | Argument): Promise<Completions> {
  if (part.argChoices)
    return { candidates: part.argChoices.map((value) => ({ value, about: "" })), wantsFiles: false }
  const placeholder = "flags" in part ? (/[<[]([^>\]]+)[>\]]/.exec(part.flags)?.[1] ?? "") : part.name()
  const name = placeholder.replace(/\.\.\.$/, "")
  const candidates = await completionValues(pathOf(command), "flags" in part ? part.long : undefined, name)
  return { candidates, wantsFiles: isFileName(name) || (pathOf(command) === "trace" && name === "what") }
}

/** "gpio monitor" */
function pathOf(command: Command): string {
  return command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
}
