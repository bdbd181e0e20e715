// Numbers as i2c-tools reads them: decimal, 0x hexadecimal, 0 octal.

import { VirtioMsgError } from "../errors.js"

/** The number that `text` is, from `least` to `most`. Throws INVALID_ARGUMENT, naming `what` it should have been. */
export function parseNumber(text: string, what: string, least: number, most: number): number {
  let value = Number.NaN
  if (/^0x[0-9a-f]+$/i.test(text)) value = Number.parseInt(text, 16)
  else if (/^0[0-7]*$/.test(text)) value = Number.parseInt(text, 8)
  else if (/^[1-9][0-9]*$/.test(text)) value = Number.parseInt(text, 10)
  if (Number.isNaN(value))
    throw new VirtioMsgError("INVALID_ARGUMENT", `"${text}" is no number (${what}).`, {
      hint: "Numbers are decimal, or hexadecimal with 0x in front.",
    })
  if (value < least || value > most)
    throw new VirtioMsgError(
      "INVALID_ARGUMENT",
      `${what} ${text} is out of range: ${formatByte(least)} to ${formatByte(most)}.`,
    )
  return value
}

/** A chip's address. The reserved ones need `isAnyAllowed`, as with i2c-tools' -a. */
export function parseAddress(text: string, isAnyAllowed = false): number {
  return parseNumber(text, "Chip address", isAnyAllowed ? 0 : 0x08, isAnyAllowed ? 0x7f : 0x77)
}

/** "0x66". */
export function formatByte(value: number): string {
  return `0x${value.toString(16).padStart(2, "0")}`
}

/** "0x1234". */
export function formatWord(value: number): string {
  return `0x${value.toString(16).padStart(4, "0")}`
}
