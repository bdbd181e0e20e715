// `virtio-msg gpio set --interactive`: the lines stay driven while commands are typed, those of gpioset of libgpiod 2.

import readline from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import type { GpioChip } from "../driver/gpio-chip.js"
import { invalidArgument, VirtioMsgError } from "../errors.js"
import { ConsoleHistory, historyPath } from "./console-history.js"
import { note, print, printError } from "./context.js"
import { parseAssignments, parsePeriod } from "./gpio-arguments.js"
import { lineValues } from "./gpio-format.js"

const PROMPT = "gpioset> "

export const INTERACTIVE_HELP = `Commands:
  get [LINE...]      print their values; of all, if none is named
  set LINE=VALUE...  change them
  toggle [LINE...]   turn them round; all, if none is named
  sleep PERIOD       wait
  help               print this
  exit               end, as Ctrl-D does`

/** A line that is driven, by the name it was given on the command line. */
export interface DrivenLine {
  readonly line: string
  readonly offset: number
  /** What it is told to be: active is 1, whatever the pin's level then is. */
  value: 0 | 1
}

export interface InteractiveOptions {
  readonly activeLow?: true
  readonly unquoted?: true
  /** Every change is held at least so long. */
  readonly holdPeriod?: number
}

export class GpioCommands {
  readonly #chip: GpioChip
  readonly #driven: readonly DrivenLine[]
  readonly #options: InteractiveOptions
  readonly #signal: AbortSignal

  /** `driven` are outputs already. `signal` ends a wait. */
  constructor(
    chip: GpioChip,
    driven: readonly DrivenLine[],
    options: InteractiveOptions,
    signal: AbortSignal,
  ) {
    this.#chip = chip
    this.#driven = driven
    this.#options = options
    this.#signal = signal
  }

  /** Carries out what was typed; resolves with false when it was `exit`. Rejects with INVALID_ARGUMENT. */
  async run(typed: string): Promise<boolean> {
    // a name with a space stands in quotes
    const [command, ...words] = (typed.match(/(?:"[^"]*"|[^\s"])+/g) ?? []).map((word) =>
      word.replaceAll('"', ""),
    )
    switch (command) {
      case undefined:
        return true
      case "exit":
      case "quit":
        return false
      case "help":
        print(INTERACTIVE_HELP)
        return true
      case "get":
        this.#print(this.#named(words))
        return true
      case "sleep":
        if (words.length !== 1)
          throw invalidArgument("sleep takes one period.", {
            hint: "For example: sleep 100ms",
          })
        await sleep(parsePeriod(words[0] ?? ""), undefined, { signal: this.#signal })
        return true
      case "set": {
        const wanted = parseAssignments(words)
        const driven = this.#named(
          wanted.map(({ line }) => line),
          false,
        )
        await this.#change(driven.map((each, at) => [each, wanted[at]?.value as 0 | 1]))
        return true
      }
      case "toggle":
        await this.#change(this.#named(words).map((each) => [each, (each.value ^ 1) as 0 | 1]))
        return true
      default:
        throw invalidArgument(`"${command}" is no command here.`, {
          hint: "help lists them.",
        })
    }
  }

  /** For node:readline: what the word that is being typed can become. */
  complete = (typed: string): [string[], string] => {
    const [, before = "", word = ""] = /^(.*?)(\S*)$/.exec(typed) ?? []
    const command = before.trim().split(/\s+/)[0]
    const lines = this.#driven.map(({ line }) => (line.includes(" ") ? `"${line}"` : line))
    let all: string[] = []
    if (command === "") all = ["get ", "set ", "toggle ", "sleep ", "help", "exit"]
    else if (command === "set") all = lines.map((line) => `${line}=`)
    else if (command === "get" || command === "toggle") all = lines.map((line) => `${line} `)
    return [all.filter((each) => each.startsWith(word)), word]
  }

  #named(names: readonly string[], isAllByDefault = true): DrivenLine[] {
    if (names.length === 0 && isAllByDefault) return [...this.#driven]
    if (names.length === 0)
      throw invalidArgument("No line is named.", {
        hint: `For example: set ${this.#driven[0]?.line}=1`,
      })
    return names.map((name) => {
      // by its offset as well as by its name, whichever it was given by
      const found =
        this.#driven.find(({ line }) => line === name) ??
        this.#driven.find(({ offset }) => `${offset}` === name || this.#chip.names[offset] === name)
      if (found) return found
      throw invalidArgument(`"${name}" is none of the lines that are driven.`, {
        hint: `They are ${this.#driven.map(({ line }) => line).join(", ")}.`,
      })
    })
  }

  #print(driven: readonly DrivenLine[]): void {
    const [lines, values] = [driven.map(({ line }) => line), driven.map(({ value }) => value)]
    print(lineValues(lines, values, { isNumeric: false, isQuoted: !this.#options.unquoted }))
  }

  async #change(changes: readonly (readonly [DrivenLine, 0 | 1])[]): Promise<void> {
    const { activeLow, holdPeriod } = this.#options
    for (const [driven, value] of changes) {
      await this.#chip.setValue(driven.offset, activeLow ? ((value ^ 1) as 0 | 1) : value)
      driven.value = value
    }
    if (holdPeriod !== undefined) await sleep(holdPeriod, undefined, { signal: this.#signal })
  }
}

/**
 * Carries out what is typed until `exit`, or the end of the input. At a terminal a wrong command is told, and the next
 * one asked for; from a file or a pipe it ends everything, as the lines are no longer what the next one expects.
 */
export async function interact(commands: GpioCommands, ended: AbortController): Promise<void> {
  const isAtTerminal = process.stdin.isTTY === true
  const canEdit = isAtTerminal && process.stdout.isTTY === true && process.env.TERM !== "dumb"
  const history = canEdit ? new ConsoleHistory(historyPath("gpio-set-history")) : undefined
  if (history?.trouble !== undefined) note(`The history is not kept: ${history.trouble}`)
  const editor = readline.createInterface({
    input: process.stdin,
    ...(isAtTerminal ? { output: process.stdout, prompt: PROMPT } : {}),
    terminal: canEdit,
    ...(history ? { history: history.newestFirst, historySize: 1000, removeHistoryDuplicates: true } : {}),
    completer: commands.complete,
  })
  editor.on("SIGINT", () => {
    if (editor.line === "") return ended.abort()
    // as in a shell: the line is given up
    editor.write(null, { ctrl: true, name: "e" })
    editor.write(null, { ctrl: true, name: "u" })
  })
  const close = () => editor.close()
  ended.signal.addEventListener("abort", close)
  try {
    if (isAtTerminal) note("help lists the commands; exit or Ctrl-D ends it.")
    editor.prompt()
    for await (const typed of editor) {
      history?.add(typed)
      try {
        if (!(await commands.run(typed))) return
      } catch (error) {
        if (ended.signal.aborted) return
        if (!isAtTerminal || !(error instanceof VirtioMsgError) || error.code !== "INVALID_ARGUMENT")
          throw error
        printError(error)
      }
      if (ended.signal.aborted) return
      if (isAtTerminal) editor.prompt()
    }
    if (canEdit && !ended.signal.aborted) process.stdout.write("\n") // behind the prompt of Ctrl-D
  } finally {
    ended.signal.removeEventListener("abort", close)
    editor.close()
    process.stdin.pause()
  }
}
