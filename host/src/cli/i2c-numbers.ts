// Numbers as i2c-tools reads them: decimal, 0x hexadecimal, 0 octal.

import { VirtioMsgError } from "../errors.js"

/** The number that `text` is, from `least` to `most`. Throws INVALID_ARGUMENT, naming `what` it should have been. */
export function parseNumber(text: string, what: string, least: number, most: number, hint?: string): number {
  const isHex = /^0x/i.test(text)
  let value = Number.NaN
  if (/^0x[0-9a-f]+$/i.test(text)) value = Number.parseInt(text, 16)
  else if (/^0[0-7]*$/.test(text)) value = Number.parseInt(text, 8)
  else if (/^[1-9][0-9]*$/.test(text)) value = Number.parseInt(text, 10)
  if (Number.isNaN(value))
    throw new VirtioMsgError("INVALID_ARGUMENT", `${what} "${text}" is not a number.`, {
      hint: "Numbers are decimal (80), hexadecimal with 0x in front (0x50), or octal with 0 in front (0120).",
    })
  if (value >= least && value <= most) return value
  // in the notation that the user chose
  const [from, to] = isHex ? [formatByte(least), formatByte(most)] : [least, most]
  throw new VirtioMsgError(
    "INVALID_ARGUMENT",
    `${what} ${text} is out of range: ${from} to ${to}.`,
    hint === undefined ? {} : { hint },
  )
}

/** A chip's address. The reserved ones need `isAnyAllowed`, as with i2c-tools' -a. */
export function parseAddress(text: string, isAnyAllowed = false): number {
  if (isAnyAllowed) return parseNumber(text, "Chip address", 0, 0x7f)
  return parseNumber(text, "Chip address", 0x08, 0x77, "With -a also 0x00 to 0x7f.")
}

/** "0x66". */
export function formatByte(value: number): string {
  return `0x${value.toString(16).padStart(2, "0")}`
}

/** "0x1234". */
export function formatWord(value: number): string {
  return `0x${value.toString(16).padStart(4, "0")}`
}
