// The command that does what the page does when it reads or writes a register. `virtio-msg` takes the line unchanged.

import { formatByte, parseAddress, parseNumber } from "../../../src/cli/i2c-numbers.js"

/** As with the block commands of i2c-tools. */
export const MOST_BYTES = 32

/** The texts in the fields of the page. */
export interface RegisterFields {
  readonly chip: string
  readonly register: string
  /** The number of bytes to read. */
  readonly length: string
  /** Bytes to write, separated by blanks or commas. */
  readonly value: string
}

/** The numbers in a field of bytes. Throws INVALID_ARGUMENT. */
export function parseBytes(text: string): number[] {
  return text
    .trim()
    .split(/[\s,]+/)
    .map((word) => parseNumber(word, "Value", 0, 0xff))
}

/** The command line. Undefined while a field is wrong. */
export function typedCommand(verb: "get" | "set", fields: RegisterFields): string | undefined {
  try {
    const chip = formatByte(parseAddress(fields.chip.trim()))
    const register = fields.register.trim()
    parseNumber(register, "Register", 0, 0xff)
    const place = `virtio-msg i2c ${verb} ${chip} ${register}`
    if (verb === "get") {
      const length = parseNumber(fields.length.trim(), "Number of bytes", 1, MOST_BYTES)
      return length === 1 ? place : `${place} i ${length}`
    }
    const bytes = parseBytes(fields.value)
    if (bytes.length > MOST_BYTES) return undefined
    return `${place} ${bytes.map(formatByte).join(" ")}${bytes.length === 1 ? "" : " i"}`
  } catch {
    return undefined
  }
}
