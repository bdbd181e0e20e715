// `virtio-msg i2c dump`: a chip's registers, as i2cdump prints them.

import { SMBUS_BLOCK_MAX, type SmbusChip, WrongPecError } from "../driver/smbus.js"
import { VirtioMsgError } from "../errors.js"
import { hexDigits } from "../hex.js"

/** Bytes, words, words of even registers, consecutive bytes, or I2C blocks: i2cdump's modes. */
export type DumpLetter = "b" | "w" | "W" | "c" | "i"

/** Registers by number. Undefined where the chip did not answer, or where nobody asked. */
export type Registers = (number | undefined)[]

/** A chip may show several banks of registers in one place. Writing `bank` to `register` chooses one. */
export interface Bank {
  readonly bank: number
  readonly register: number
}

/**
 * Reads registers `first` to `last`. A register that does not answer is a gap, as in i2cdump. In the modes c and i the
 * reads depend on each other: there it is an error.
 */
export async function readRegisters(
  chip: SmbusChip,
  letter: DumpLetter,
  first: number,
  last: number,
): Promise<Registers> {
  const registers: Registers = new Array(256).fill(undefined)
  if (letter === "c") await chip.sendByte(first)
  // everything is asked at once, and carried out in this order
  const reads: Promise<void>[] = []
  const step = letter === "W" ? 2 : letter === "i" ? SMBUS_BLOCK_MAX : 1
  for (let at = first; at <= last; at += step) {
    if (letter === "i") {
      const length = Math.min(SMBUS_BLOCK_MAX, last - at + 1)
      reads.push(chip.readI2cBlock(at, length).then((data) => void registers.splice(at, length, ...data)))
      continue
    }
    const isWord = letter === "w" || letter === "W"
    const read = isWord ? chip.readWord(at) : letter === "c" ? chip.receiveByte() : chip.readByte(at)
    reads.push(
      orUndefined(read).then((value) => {
        registers[at] = letter === "W" && value !== undefined ? value & 0xff : value
        if (letter === "W" && value !== undefined) registers[at + 1] = value >> 8
      }),
    )
  }
  await Promise.all(reads)
  return registers
}

/** Runs `work` with a bank chosen, and then restores the register. */
export async function withBank<T>(
  chip: SmbusChip,
  bank: Bank | undefined,
  work: () => Promise<T>,
): Promise<T> {
  // as i2cdump: bank 0 is what the chip shows already
  if (!bank?.bank) return work()
  const before = await chip.readByte(bank.register)
  await chip.writeByte(bank.register, bank.bank | (before & 0xf0))
  try {
    return await work()
  } finally {
    await chip.writeByte(bank.register, before)
  }
}

/** i2cdump's table of bytes. */
export function formatBytes(registers: Readonly<Registers>, first: number, last: number): string[] {
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
        cells += `${hexDigits(value, 2)} `
        text += printable(value)
      }
    }
    lines.push(`${hexDigits(row, 2)}: ${cells}   ${text}`)
  }
  return lines
}

/** i2cdump's table of words. */
export function formatWords(registers: Readonly<Registers>, first: number, last: number): string[] {
  const lines = ["     0,8  1,9  2,a  3,b  4,c  5,d  6,e  7,f"]
  for (let row = 0; row < 256; row += 8) {
    if (row + 7 < first || row > last) continue
    let cells = ""
    for (let at = row; at < row + 8; at++) {
      const value = registers[at]
      if (at < first || at > last) cells += "     "
      else cells += value === undefined ? "XXXX " : `${hexDigits(value, 4)} `
    }
    lines.push(`${hexDigits(row, 2)}: ${cells}`)
  }
  return lines
}

function printable(value: number): string {
  if (value === 0x00 || value === 0xff) return "."
  return value < 32 || value >= 127 ? "?" : String.fromCharCode(value)
}

/** A register that is not acknowledged, or with a wrong PEC, is a gap in the table; all else is an error. */
async function orUndefined<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read
  } catch (error) {
    if (error instanceof WrongPecError) return undefined
    if (error instanceof VirtioMsgError && error.code === "NACK") return undefined
    throw error
  }
}
