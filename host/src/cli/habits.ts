// What people who know i2c-tools and libgpiod type: a bus number, a chip's name, a tool's name as a command. We do not
// guess and run something. We print the command that they meant.

import { Command } from "commander"
import { findFault } from "./check-line.js"
import { firstWord, GLOBAL_WITH_VALUE, typedLine } from "./command-line.js"
import { COMMANDS } from "./commands.js"
import type { PrintedError } from "./context.js"
import { FOREIGN_TOOLS } from "./foreign-tools.js"
import { inLibgpiod2 } from "./libgpiod-1.js"

const BUS = /^(\d{1,3}|(\/dev\/)?i2c-\d{1,3})$/
const CHIP = /^(\/dev\/)?gpiochip\d{1,3}$/
/** Without these options i2c-tools ask before they act, and look for other drivers. Our commands do neither. */
const NEEDLESS = ["-y", "-f", "-fy", "-yf"]

const NO_BUS = "There is no bus number here: a board has one I2C bus, and --port names the board."
const NO_CHIP = "No chip need be named here: a board has one GPIO chip, and --port names the board."

const OLD_OPTIONS = "These are options of libgpiod 1; here they are those of libgpiod 2."

const PERIOD = /^\d+(us|ms|s|m)?$/
/** Our names for libgpiod's option -p. Here -p is the port. */
const PERIODS: Readonly<Record<string, string>> = {
  get: "--hold-period",
  set: "--hold-period",
  monitor: "--debounce-period",
  mon: "--debounce-period",
}

/** The error for a line that is only wrong because of a habit. Undefined when it is wrong in another way. */
export async function recogniseHabit(words: readonly string[]): Promise<PrintedError | undefined> {
  const at = firstWord(words, 0, GLOBAL_WITH_VALUE)
  const name = words[at] ?? ""
  const tool = Object.hasOwn(FOREIGN_TOOLS, name) ? FOREIGN_TOOLS[name] : undefined
  if (!tool && name !== "i2c" && name !== "gpio") return undefined
  const [group, command] = tool ?? [name, words[at + 1] ?? ""]
  if (!tool && group === "gpio" && command === "find") {
    const line = typedLine([...words.slice(0, at + 1), "info", ...words.slice(at + 2)])
    return wrong("gpiofind is the command gpio info here.", `Type: ${line}`)
  }
  const front = [...words.slice(0, at), group, command]
  const typed = words.slice(tool ? at + 1 : at + 2)
  const newer = group === "gpio" ? inLibgpiod2(command, typed) : typed
  const isOld = newer.join("\n") !== typed.join("\n")
  const rest = group === "gpio" ? spellPeriod(command, newer) : typed
  if (!tool && !isOld && rest.some((word, index) => word !== typed[index]))
    return wrong("-p is --port here.", `The period is another option: ${typedLine([...front, ...rest])}`)
  const without = await leaveOut(group, command, rest, tool !== undefined)
  if (!tool && !without && !isOld) return undefined
  const line = [...front, ...(without ?? rest.filter((word) => group !== "i2c" || !NEEDLESS.includes(word)))]
  const fault = await findFault(line)
  const isRight = fault === undefined
  // what virtio-gpio cannot do is refused with its own reason, in the words of both versions of libgpiod
  if (isOld && fault?.includes(" cannot be had: "))
    return wrong(fault, `More: virtio-msg ${group} ${command} --help`)
  if (!tool && isOld && isRight) return wrong(OLD_OPTIONS, `In those: ${typedLine(line)}`)
  if (!tool)
    return isRight ? wrong(group === "i2c" ? NO_BUS : NO_CHIP, `Without it: ${typedLine(line)}`) : undefined
  const sentence =
    `${name} is the command ${group} ${command} here, ` +
    (group === "i2c" ? "without the bus number: a board has one bus." : "of the board's one chip.")
  return wrong(sentence, isRight ? `Type: ${typedLine(line)}` : `See virtio-msg ${group} ${command} --help`)
}

/** Writes -p with a period behind it as the long option. */
function spellPeriod(command: string, words: readonly string[]): string[] {
  return words.map((word, at) =>
    word === "-p" && PERIOD.test(words[at + 1] ?? "") ? (PERIODS[command] ?? word) : word,
  )
}

function wrong(message: string, hint: string): PrintedError {
  return { code: "INVALID_ARGUMENT", message, hint }
}

/** The words without a bus or a chip before the others. Undefined when there is none. */
async function leaveOut(
  group: string,
  command: string,
  words: readonly string[],
  isTool: boolean,
): Promise<string[] | undefined> {
  const withValue = await optionsWithValue(group, command)
  const at = firstWord(words, 0, withValue)
  const [first, second] = [words[at] ?? "", words[firstWord(words, at + 1, withValue)] ?? ""]
  if (group === "gpio") return CHIP.test(first) ? words.filter((_, index) => index !== at) : undefined
  if (!BUS.test(first)) return undefined
  // from 8 on, the first number may be a chip's address in decimal; if a hexadecimal address follows, it is a bus
  const isBus =
    isTool || Number.isNaN(Number(first)) || Number(first) < 8 || !/^\d/.test(second) || /^0x/i.test(second)
  if (!isBus) return undefined
  return words.filter((word, index) => index !== at && !NEEDLESS.includes(word))
}

async function optionsWithValue(group: string, command: string): Promise<string[]> {
  const parent = new Command(group)
  const entry = COMMANDS.find(({ name }) => name === group)
  if (entry) (await entry.load()).define(parent, async () => 0, COMMANDS)
  const found = parent.commands.find((child) => child.name() === command || child.aliases().includes(command))
  return (found?.options ?? []).flatMap(({ required, short, long }) =>
    required ? [short, long].filter((flag) => flag !== undefined) : [],
  )
}
