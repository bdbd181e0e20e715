// What `virtio-msg gpio` takes, in libgpiod 2's words: lines, their values, and periods.

import type { GpioChip } from "../driver/gpio-chip.js"
import { invalidArgument } from "../errors.js"

/** A board has one. */
export const CHIP_NAME = "gpiochip0"

const VALUES: Readonly<Record<string, 0 | 1>> = {
  0: 0,
  inactive: 0,
  off: 0,
  false: 0,
  1: 1,
  active: 1,
  on: 1,
  true: 1,
}

const UNITS_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 }

/** Refuses a chip before the lines, as libgpiod 1 has it, and a line that is named twice. Throws INVALID_ARGUMENT. */
export function checkLines(lines: readonly string[]): void {
  const chip = lines.find((line) => /^(\/dev\/)?gpiochip\d+$/.test(line))
  if (chip !== undefined)
    throw invalidArgument(`${chip} is no line: a board has one GPIO chip.`, {
      hint: "List its lines: virtio-msg gpio info",
    })
  refuseTwice(lines, lines)
}

/**
 * The offsets of lines. Digits are an offset unless a line has them for a name, or `byName`. Throws INVALID_ARGUMENT for
 * a line that is not there or named twice, and with `strict` for a name that several lines have.
 */
export function offsetsOf(
  chip: GpioChip,
  lines: readonly string[],
  { strict, byName }: { strict?: true; byName?: true },
): number[] {
  const offsets = lines.map((line) => {
    const isName = chip.names.includes(line)
    if (byName && !isName)
      throw invalidArgument(`No line has the name "${line}".`, {
        hint: `The lines with names: ${chip.names.filter((name) => name !== undefined).join(", ")}`,
      })
    if (strict && chip.names.filter((name) => name === line).length > 1)
      throw invalidArgument(`More than one line has the name "${line}".`, {
        hint: "Say which by its offset: virtio-msg gpio info",
      })
    return chip.offsetOf(line)
  })
  refuseTwice(offsets, lines)
  return offsets
}

function refuseTwice(keys: readonly unknown[], lines: readonly string[]): void {
  const twice = lines.find((_, at) => keys.indexOf(keys[at]) < at)
  if (twice !== undefined)
    throw invalidArgument(`The line ${twice} is named twice.`, {
      hint: "Name each line once.",
    })
}

/** Takes LINE=VALUE apart. Throws INVALID_ARGUMENT. */
export function parseAssignments(settings: readonly string[]): { line: string; value: 0 | 1 }[] {
  checkLines(settings)
  const wanted = settings.map((setting) => {
    const [, line, word] = /^(.+)=([^=]*)$/.exec(setting) ?? []
    const value = VALUES[word ?? ""]
    if (line === undefined || value === undefined)
      throw invalidArgument(`"${setting}" sets no line.`, {
        hint: "Write LINE=VALUE, with 0, 1, inactive, active, off, on, false or true.",
      })
    return { line, value }
  })
  checkLines(wanted.map(({ line }) => line))
  return wanted
}

/** A comma list of periods, in milliseconds. Throws INVALID_ARGUMENT. */
export function parsePeriods(list: string): number[] {
  return list.split(",").map(parsePeriod)
}

/** A number with us, ms, s or m behind it, in milliseconds; ms when absent. Throws INVALID_ARGUMENT. */
export function parsePeriod(word: string): number {
  const [, digits, unit = "ms"] = /^(\d{1,9})(us|ms|s|m)?$/.exec(word) ?? []
  if (digits === undefined)
    throw invalidArgument(`"${word}" is no period.`, {
      hint: "Write a number with us, ms, s or m behind it.",
    })
  const ms = Number(digits) * (UNITS_MS[unit] as number)
  if (ms > 0x7fffffff)
    throw invalidArgument(`The period ${word} is longer than can be waited for.`, {
      hint: "At most 24 days: 35000m",
    })
  return ms
}
