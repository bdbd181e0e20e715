// Numbers as i2c-tools reads them: decimal, 0x hexadecimal, 0 octal.

import { invalidArgument } from "../errors.js"
import { hex } from "../hex.js"

/** The number that `text` is, from `least` to `most`. Throws INVALID_ARGUMENT, naming `what` it should have been. */
export function parseNumber(text: string, what: string, least: number, most: number, hint?: string): number {
  const isHex = /^0x/i.test(text)
  let value = Number.NaN
  if (/^0x[0-9a-f]+$/i.test(text)) value = Number.parseInt(text, 16)
  else if (/^0[0-7]*$/.test(text)) value = Number.parseInt(text, 8)
  else if (/^[1-9][0-9]*$/.test(text)) value = Number.parseInt(text, 10)
  if (Number.isNaN(value))
    throw invalidArgument(`${what} "${text}" is not a number.`, {
      hint: "Numbers are decimal (80), hexadecimal with 0x in front (0x50), or octal with 0 in front (0120).",
    })
  if (value >= least && value <= most) return value
  // in the notation that the user chose
  const [from, to] = isHex ? [formatByte(least), formatByte(most)] : [least, most]
  throw invalidArgument(`${what} ${text} is out of range: ${from} to ${to}.`, { hint })
}

/** A chip's address. The reserved ones need `isAnyAllowed`, as with i2c-tools' -a. */
export function parseAddress(text: string, isAnyAllowed = false): number {
  if (isAnyAllowed) return parseNumber(text, "Chip address", 0, 0x7f, wideHint(text))
  return parseNumber(text, "Chip address", 0x08, 0x77, wideHint(text) ?? "With -a also 0x00 to 0x7f.")
}

/** For addresses of more than 7 bits: data sheets print them with the bit for reading behind them. */
function wideHint(text: string): string | undefined {
  const value = Number(text)
  if (!(value > 0x7f)) return undefined
  if (value > 0xff) return "An address has 7 bits here; those with 10 are not carried."
  return `An address has 7 bits: what a data sheet calls ${formatByte(value)}, with the bit for reading, is ${formatByte(value >> 1)}.`
}

/** "0x66". */
export function formatByte(value: number): string {
  return hex(value, 2)
}

/** "0x1234". */
export function formatWord(value: number): string {
  return hex(value, 4)
}
