// Numbers in the shell's commands, in and out: the runtime has neither parseInt with a radix nor toString with one.

const DIGITS = "0123456789abcdef"

/** The number that a word is, decimal or with 0x; -1 for a word that is none, or has more than 9 characters. */
export function parseNumber(word: string | undefined): number {
  if (word === undefined || word.length > 9) return -1
  const isHex = word.startsWith("0x")
  const digits = isHex ? word.slice(2, word.length).toLowerCase() : word
  if (digits === "") return -1
  const base = isHex ? 16 : 10
  let value = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = DIGITS.indexOf(digits[i])
    if (digit < 0 || digit >= base) return -1
    value = value * base + digit
  }
  return value
}

/** 0x48 for 72. */
export function hex2(value: number): string {
  return `0x${DIGITS[(value >> 4) & 15]}${DIGITS[value & 15]}`
}

const HELP_COLUMN = 26

/**
 * Formats a line of help: its usage, two blanks, its meaning. Blanks that align the meanings would be bytes of the
 * program.
 */
export function helpLine(line: string): string {
  const parts = line.split("  ")
  return `${pad(parts[0], HELP_COLUMN)}${parts[1]}`
}

/** The text, with blanks behind it up to `width`. */
export function pad(text: string, width: number): string {
  let padded = text
  while (padded.length < width) padded += " "
  return padded
}
