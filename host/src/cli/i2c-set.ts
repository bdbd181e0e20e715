// `virtio-msg i2c set`: writes to a chip, with i2cset's arguments.

import { SMBUS_BLOCK_MAX, type SmbusChip } from "../driver/smbus.js"
import { VirtioMsgError } from "../errors.js"
import { type Mode, parseMode, wrong } from "./i2c-mode.js"
import { formatByte, formatWord, parseNumber } from "./i2c-numbers.js"

/** What to write: no value (c), a byte (b), a word (w), an SMBus block (s) or an I2C block (i). */
export type SetLetter = "c" | "b" | "w" | "s" | "i"

export interface SetRequest extends Mode<SetLetter> {
  readonly register: number
  readonly values: readonly number[]
  /** Only these bits are written; the others keep what the chip has. */
  readonly mask: number | undefined
  /** Read back and compare. */
  readonly readback: boolean
}

const LETTERS: readonly SetLetter[] = ["c", "b", "w", "s", "i"]

/** Takes `REGISTER [VALUE ...] [MODE]` apart as i2cset does. Throws INVALID_ARGUMENT. */
export function parseSet(
  registerText: string,
  words: readonly string[],
  options: { m?: string; r?: true },
): SetRequest {
  const register = parseNumber(registerText, "Register", 0, 0xff)
  const last = words.at(-1)
  // a mode is no number, so a last word that is no number is meant as one
  const hasMode = last !== undefined && !/^[0-9]/.test(last) && (words.length > 1 || /^[a-z]p?$/.test(last))
  const texts = hasMode ? words.slice(0, -1) : words
  const { letter, hasPec } = parseMode(hasMode ? last : texts.length === 0 ? "c" : "b", LETTERS, ["i"])
  const values = texts.map((text) => parseNumber(text, "Value", 0, letter === "w" ? 0xffff : 0xff))
  checkCount(letter, values.length)
  const readback = options.r === true
  const isBlock = letter === "i" || letter === "s"
  if (isBlock && (readback || options.m !== undefined))
    throw wrong(`${readback ? "-r" : "-m"} does not go with a block (mode ${letter}).`)
  const mask =
    options.m === undefined ? undefined : parseNumber(options.m, "Mask", 1, letter === "w" ? 0xffff : 0xff)
  return { register, letter, hasPec, values, mask, readback }
}

function checkCount(letter: SetLetter, count: number): void {
  if (letter === "c" && count > 0) throw wrong("Mode c takes no value.")
  if ((letter === "b" || letter === "w") && count !== 1)
    throw wrong(
      `Mode ${letter} takes one value, not ${count}.`,
      count > 1 ? "Several values are an I2C block: put an i behind them." : undefined,
    )
  if ((letter === "s" || letter === "i") && (count < 1 || count > SMBUS_BLOCK_MAX))
    throw wrong(`Mode ${letter} takes 1 to ${SMBUS_BLOCK_MAX} values, not ${count}.`)
}

/** What was written, and what the chip held afterwards. Undefined where it did not answer. */
export interface Readback {
  readonly written: number
  readonly back: number | undefined
}

/** Carries the request out; resolves with what was read back, if that was wanted. */
export async function set(chip: SmbusChip, request: SetRequest): Promise<Readback | undefined> {
  const { register, letter, values, mask } = request
  // as i2cset: only the write itself has a PEC
  const plain = chip.withoutPec()
  const read = () =>
    letter === "c"
      ? plain.receiveByte()
      : letter === "w"
        ? plain.readWord(register)
        : plain.readByte(register)
  let value = values[0] ?? register
  if (mask !== undefined) value = (value & mask) | ((await read()) & ~mask)
  if (letter === "c") await chip.sendByte(value)
  else if (letter === "b") await chip.writeByte(register, value)
  else if (letter === "w") await chip.writeWord(register, value)
  else if (letter === "s") await chip.writeBlock(register, values)
  else await chip.writeI2cBlock(register, values)
  if (!request.readback) return undefined
  try {
    return { written: value, back: await read() }
  } catch (error) {
    if (error instanceof VirtioMsgError && error.code === "NACK") return { written: value, back: undefined }
    throw error
  }
}

/** What i2cset prints of it. */
export function readbackLine({ written, back }: Readback, letter: SetLetter): string {
  const format = letter === "w" ? formatWord : formatByte
  if (back === undefined) return "Warning - readback failed"
  return back === written
    ? `Value ${format(written)} written, readback matched`
    : `Warning - data mismatch - wrote ${format(written)}, read back ${format(back)}`
}
