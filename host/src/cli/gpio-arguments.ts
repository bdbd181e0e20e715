// What `virtio-msg gpio` takes, in libgpiod 2's words: values of lines, and periods.

import { VirtioMsgError } from "../errors.js"

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

/** Takes LINE=VALUE apart. Throws INVALID_ARGUMENT. */
export function parseAssignments(settings: readonly string[]): { line: string; value: 0 | 1 }[] {
  return settings.map((setting) => {
    const [, line, word] = /^(.+)=([^=]*)$/.exec(setting) ?? []
    const value = VALUES[word ?? ""]
    if (line === undefined || value === undefined)
      throw new VirtioMsgError("INVALID_ARGUMENT", `"${setting}" sets no line.`, {
        hint: "Write LINE=VALUE, with 0, 1, inactive, active, off, on, false or true.",
      })
    return { line, value }
  })
}

/** A comma list of periods, in milliseconds. Throws INVALID_ARGUMENT. */
export function parsePeriods(list: string): number[] {
  return list.split(",").map((word) => {
    const [, digits, unit = "ms"] = /^(\d+)(us|ms|s|m)?$/.exec(word) ?? []
    if (digits === undefined)
      throw new VirtioMsgError("INVALID_ARGUMENT", `"${word}" is no period.`, {
        hint: "Write a number with us, ms, s or m behind it.",
      })
    return Number(digits) * (UNITS_MS[unit] as number)
  })
}
