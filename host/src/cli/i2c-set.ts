// `virtio-msg i2c set`: writes to a chip, with i2cset's arguments.

import type { I2cAdapter } from "../driver/i2c-adapter.js"
import { VirtioMsgError } from "../errors.js"
import { formatByte, formatWord, parseNumber } from "./i2c-numbers.js"
import { readWord, receiveByte, SMBUS_BLOCK_MAX, sendByte, writeWord } from "./i2c-smbus.js"

/** What to write: no value (c), a byte (b), a word (w) or a block (i). */
export interface SetRequest {
  readonly register: number
  readonly mode: "c" | "b" | "w" | "i"
  readonly values: readonly number[]
}

const MODES = /^[cbwsi]p?$/

/** Takes `VALUE ... [MODE]` apart as i2cset does. Throws INVALID_ARGUMENT. */
export function parseSet(register: number, words: readonly string[]): SetRequest {
  const last = words.at(-1)
  const hasMode = last !== undefined && MODES.test(last)
  const texts = hasMode ? words.slice(0, -1) : words
  const mode = hasMode ? last : texts.length === 0 ? "c" : "b"
  const wrong = (what: string) => new VirtioMsgError("INVALID_ARGUMENT", what)
  if (mode.endsWith("p")) throw wrong("The adapter has no packet error checking (mode ...p).")
  if (mode === "s") throw wrong("The adapter has no SMBus block write (mode s); an I2C block is mode i.")
  const most = mode === "w" ? 0xffff : 0xff
  const values = texts.map((text) => parseNumber(text, "Data value", 0, most))
  const counts = { c: [0, 0], b: [1, 1], w: [1, 1], i: [1, SMBUS_BLOCK_MAX] } as const
  const [least, greatest] = counts[mode as SetRequest["mode"]]
  if (values.length < least || values.length > greatest)
    throw wrong(
      `Mode ${mode} takes ${least === greatest ? least : `${least} to ${greatest}`} values, not ${values.length}.`,
    )
  return { register, mode: mode as SetRequest["mode"], values }
}

export interface SetOptions {
  /** Only these bits are written; the others keep what the chip has. */
  readonly mask?: number
  /** Read back and compare. */
  readonly readback?: boolean
}

/** Carries the request out; returns what i2cset prints on stdout. */
export async function set(
  i2c: I2cAdapter,
  address: number,
  request: SetRequest,
  options: SetOptions,
): Promise<string[]> {
  const { register, mode } = request
  const values = [...request.values]
  const isWord = mode === "w"
  const read = () => (isWord ? readWord(i2c, address, register) : i2c.readByte(address, register))
  if (options.mask !== undefined) {
    if (mode !== "b" && mode !== "w")
      throw new VirtioMsgError("INVALID_ARGUMENT", "A mask goes with a byte or a word only.")
    values[0] = ((values[0] ?? 0) & options.mask) | ((await read()) & ~options.mask)
  }
  const value = values[0] ?? 0
  if (mode === "c") await sendByte(i2c, address, register)
  else if (isWord) await writeWord(i2c, address, register, value)
  else await i2c.writeBlock(address, register, values)
  if (!options.readback) return []
  const back = mode === "c" ? await receiveByte(i2c, address) : await read()
  const expected = mode === "c" ? register : value
  const format = isWord ? formatWord : formatByte
  if (mode === "i") return []
  return back === expected
    ? [`Value ${format(expected)} written, readback matched`]
    : [`Warning - data mismatch - wrote ${format(expected)}, read back ${format(back)}`]
}
