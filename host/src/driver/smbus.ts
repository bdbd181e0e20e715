// SMBus transactions made of I2C messages, as Linux emulates them (Linux drivers/i2c/i2c-core-smbus.c).
// A word is little-endian. With PEC a CRC-8 of everything on the wires follows the last byte.

import { crc8 } from "../crc8.js"
import { VirtioMsgError } from "../errors.js"
import { hex } from "../hex.js"
import type { I2cAdapter } from "./i2c-adapter.js"

/** The longest SMBus block. */
export const SMBUS_BLOCK_MAX = 32

/** The chip answered, but the packet error code behind its bytes does not fit them. */
export class WrongPecError extends VirtioMsgError {
  constructor(address: number, pec: number, expected: number) {
    super(
      "PROTOCOL",
      `The chip at ${hex(address, 2)} sent the packet error code ${hex(pec, 2)} instead of ` +
        `${hex(expected, 2)} (EBADMSG: Bad message).`,
      { hint: "Many chips have no packet error checking: try the mode without p." },
    )
  }
}

/** One chip, spoken to in SMBus transactions. Everything rejects as `I2cAdapter.transfer`, or with WrongPecError. */
export class SmbusChip {
  readonly #i2c: I2cAdapter
  readonly #address: number
  readonly #hasPec: boolean

  constructor(i2c: I2cAdapter, address: number, hasPec = false) {
    this.#i2c = i2c
    this.#address = address
    this.#hasPec = hasPec
  }

  /** The same chip, without packet error checking. */
  withoutPec(): SmbusChip {
    return new SmbusChip(this.#i2c, this.#address)
  }

  async receiveByte(): Promise<number> {
    const [value = 0] = await this.#read([], 1)
    return value
  }

  sendByte(value: number): Promise<void> {
    return this.#write([value])
  }

  async readByte(register: number): Promise<number> {
    const [value = 0] = await this.#read([register], 1)
    return value
  }

  writeByte(register: number, value: number): Promise<void> {
    return this.#write([register, value])
  }

  async readWord(register: number): Promise<number> {
    const [low = 0, high = 0] = await this.#read([register], 2)
    return low | (high << 8)
  }

  writeWord(register: number, value: number): Promise<void> {
    return this.#write([register, value & 0xff, value >> 8])
  }

  /** The number of values is sent before them, as SMBus has it. */
  writeBlock(register: number, values: readonly number[]): Promise<void> {
    return this.#write([register, values.length, ...values])
  }

  /** I2C blocks send no length, and have no PEC. */
  readI2cBlock(register: number, length: number): Promise<Uint8Array> {
    return this.#i2c.readBlock(this.#address, register, length)
  }

  writeI2cBlock(register: number, values: readonly number[]): Promise<void> {
    return this.#i2c.writeBlock(this.#address, register, values)
  }

  async #write(bytes: readonly number[]): Promise<void> {
    const pec = this.#hasPec ? [pecOf([this.#address << 1, ...bytes])] : []
    await this.#i2c.transfer(this.#address, [{ write: [...bytes, ...pec] }])
  }

  async #read(command: readonly number[], length: number): Promise<Uint8Array> {
    const read = { read: this.#hasPec ? length + 1 : length }
    const messages = command.length > 0 ? [{ write: command }, read] : [read]
    const [data = new Uint8Array()] = await this.#i2c.transfer(this.#address, messages)
    if (!this.#hasPec) return data
    const written = command.length > 0 ? [this.#address << 1, ...command] : []
    const bytes = data.subarray(0, length)
    const expected = pecOf([...written, (this.#address << 1) | 1, ...bytes])
    if (data[length] !== expected) throw new WrongPecError(this.#address, data[length] ?? 0, expected)
    return bytes
  }
}

/** SMBus's packet error code: x^8 + x^2 + x + 1, from 0. */
function pecOf(bytes: readonly number[]): number {
  return crc8(bytes, 0x07, 0)
}
