// What the subcommands of `virtio-msg gpio` share: libgpiod 2's options, and the reasons of those that virtio-gpio
// cannot have.

import { type Command, Option } from "commander"
import type { GpioChip } from "../driver/gpio-chip.js"
import { invalidArgument, type VirtioMsgError } from "../errors.js"
import { helpExamples, withBus } from "./context.js"
import { CHIP_NAME, parsePeriod } from "./gpio-arguments.js"

export const LINES_HELP = "lines, by name or by offset"

/** Options that name lines, and say how names are taken. */
export interface NamingOptions {
  readonly strict?: true
  readonly byName?: true
}

export function addTool(gpio: Command, name: string, description: string, ...examples: string[]): Command {
  return gpio
    .command(name)
    .description(description)
    .addOption(new Option("-c, --chip <chip>", `${CHIP_NAME}, the only one`).argParser(checkChip))
    .addHelpText("after", helpExamples(...examples.map((each) => `virtio-msg --port sim gpio ${each}`)))
}

export function addNamingOptions(tool: Command): Command {
  return tool
    .option("-s, --strict", "refuse a name that more than one line has")
    .option("--by-name", "take digits for a name, too, not for an offset")
}

/** For tools that use lines. */
export function addLineOptions(tool: Command): Command {
  return tool
    .option("-l, --active-low", "a line that is low is active")
    .addOption(new Option("-b, --bias <bias>", "as-is, and no other: see below").argParser(checkBias))
    .option("-C, --consumer <name>", "accepted as in libgpiod; virtio-gpio passes no name on")
}

export function withChip<T>(command: Command, work: (chip: GpioChip) => Promise<T>): Promise<T> {
  return withBus(command, async (bus) => work(await bus.gpio()))
}

/** A line of a help text about what is refused. */
export const REFUSED_HELP =
  "virtio-gpio knows a line's direction, value and interrupt (virtio 1.4 5.18): what it cannot say is refused."

function refused(what: string, why: string, hint: string): VirtioMsgError {
  return invalidArgument(`${what} cannot be had: ${why}`, { hint })
}

function checkChip(text: string): string {
  if (/^(\/dev\/)?gpiochip0$|^0$/.test(text)) return text
  throw invalidArgument(`There is no GPIO chip ${text}: a board has one, ${CHIP_NAME}.`, {
    hint: "See it: virtio-msg gpio detect",
  })
}

function checkOf(text: string, what: string, choices: readonly string[]): void {
  if (!choices.includes(text))
    throw invalidArgument(`"${text}" is no ${what}.`, {
      hint: `libgpiod's are ${choices.slice(0, -1).join(", ")} and ${choices.at(-1)}.`,
    })
}

function checkBias(text: string): string {
  checkOf(text, "bias", ["as-is", "pull-up", "pull-down", "disabled"])
  if (text === "as-is") return text
  throw refused(
    `The bias ${text}`,
    "virtio-gpio has no request that sets one.",
    "The board's firmware does, for a pin with :up or :down behind it: virtio-msg deploy --gpio BUTTON=14:up",
  )
}

/** For `set`. */
export function checkDrive(text: string): string {
  checkOf(text, "drive", ["push-pull", "open-drain", "open-source"])
  if (text === "push-pull") return text
  throw refused(
    `The drive ${text}`,
    "virtio-gpio's outputs are driven both ways, and it has no request that changes that.",
    "A line that is only to be pulled low: make it an input to let go of it, with virtio-msg gpio get LINE",
  )
}

/** For `set`. */
export function refuseDaemon(): never {
  throw refused(
    "A daemon",
    "whoever holds the lines has the board, and would have to be looked for to end it.",
    "Let the shell do it, which knows how to end it: virtio-msg gpio set LINE=1 &",
  )
}

/** For `monitor`; a period of 0 is none. */
export function checkDebounce(text: string): number {
  if (parsePeriod(text) === 0) return 0
  throw refused(
    `The debounce period ${text}`,
    "virtio-gpio has no request for it, and an edge's time here is up to 50 ms late, too coarse to do it afterwards.",
    "Edges that follow fast are one interrupt already; for a switch, 10 kOhm and 100 nF at the pin do it.",
  )
}

/** For `monitor`. */
export function checkClock(text: string): "monotonic" | "realtime" {
  checkOf(text, "event clock", ["monotonic", "realtime", "hte"])
  if (text !== "hte") return text as "monotonic" | "realtime"
  throw refused(
    "The event clock hte",
    "virtio-gpio's interrupts carry no time; it is taken when they come here.",
    "Use -E monotonic or -E realtime.",
  )
}

export const NOTIFY_HELP =
  "virtio-gpio tells no one that a line was requested, released or set up anew, and the one driver of the board's\n" +
  "lines is this command itself."

/** For `notify`: nothing of it can be. */
export function refuseNotify(): never {
  const hint = "What changes on a line: virtio-msg gpio monitor LINE"
  throw refused("gpio notify", NOTIFY_HELP.replace("\n", " "), hint)
}
