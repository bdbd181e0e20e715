// `virtio-msg i2c dump`: a chip's registers, as i2cdump prints them.

import type { I2cAdapter } from "../driver/i2c-adapter.js"
import { VirtioMsgError } from "../errors.js"
import { readWord, receiveByte, SMBUS_BLOCK_MAX, sendByte } from "./i2c-smbus.js"

/** Bytes, words, consecutive bytes, or I2C blocks: i2cdump's b, w, c, i. */
export type DumpMode = "b" | "w" | "c" | "i"

/** Registers `first` to `last`; undefined where the chip did not acknowledge. */
export async function readRegisters(
  i2c: I2cAdapter,
  address: number,
  mode: DumpMode,
  first: number,
  last: number,
): Promise<(number | undefined)[]> {
  const registers: (number | undefined)[] = new Array(256).fill(undefined)
  const attempt = async (at: number, read: () => Promise<number>) => {
    registers[at] = await orUndefined(read())
  }
  if (mode === "c") {
    if ((await orUndefined(sendByte(i2c, address, first).then(() => true))) === undefined) return registers
    // each read goes on where the one before stopped
    for (let at = first; at <= last; at++) await attempt(at, () => receiveByte(i2c, address))
  } else if (mode === "i") {
    for (let at = first; at <= last; at += SMBUS_BLOCK_MAX) {
      const length = Math.min(SMBUS_BLOCK_MAX, last - at + 1)
      const data = await orUndefined(i2c.readBlock(address, at, length))
      for (let i = 0; i < length; i++) registers[at + i] = data?.[i]
    }
  } else {
    const all = Array.from({ length: last - first + 1 }, (_, i) => first + i)
    await Promise.all(
      all.map((at) =>
        attempt(at, () => (mode === "w" ? readWord(i2c, address, at) : i2c.readByte(address, at))),
      ),
    )
  }
  return registers
}

/** i2cdump's table of bytes. */
export function formatBytes(
  registers: readonly (number | undefined)[],
  first: number,
  last: number,
): string[] {
  const lines = ["     0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f    0123456789abcdef"]
  for (let row = 0; row < 256; row += 16) {
    if (row + 15 < first || row > last) continue
    let cells = ""
    let text = ""
    for (let at = row; at < row + 16; at++) {
      const value = registers[at]
      if (at < first || at > last) {
        cells += "   "
        text += " "
      } else if (value === undefined) {
        cells += "XX "
        text += "X"
      } else {
        cells += `${hex(value, 2)} `
        text += printable(value)
      }
    }
    lines.push(`${hex(row, 2)}: ${cells}   ${text}`)
  }
  return lines
}

/** i2cdump's table of words. */
export function formatWords(
  registers: readonly (number | undefined)[],
  first: number,
  last: number,
): string[] {
  const lines = ["     0,8  1,9  2,a  3,b  4,c  5,d  6,e  7,f"]
  for (let row = 0; row < 256; row += 8) {
    if (row + 7 < first || row > last) continue
    let cells = ""
    for (let at = row; at < row + 8; at++) {
      const value = registers[at]
      if (at < first || at > last) cells += "     "
      else cells += value === undefined ? "XXXX " : `${hex(value, 4)} `
    }
    lines.push(`${hex(row, 2)}: ${cells}`)
  }
  return lines
}

function printable(value: number): string {
  if (value === 0x00 || value === 0xff) return "."
  return value < 32 || value >= 127 ? "?" : String.fromCharCode(value)
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0")
}

/** A register that is not acknowledged is a gap in the table; everything else is an error. */
async function orUndefined<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read
  } catch (error) {
    if (error instanceof VirtioMsgError && error.code === "NACK") return undefined
    throw error
  }
}
