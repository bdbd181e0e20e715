// i2c-bus' PromisifiedBus: every method returns a promise, which rejects also for a wrong argument.

import type { Connection } from "./connection.js"
import type { DeviceId } from "./device-id.js"
import type { I2CFuncs } from "./funcs.js"
import type { Transaction } from "./request.js"
import * as transactions from "./transactions.js"

export interface BytesRead {
  bytesRead: number
  /** The buffer that was passed. */
  buffer: Buffer
}

export interface BytesWritten {
  bytesWritten: number
  /** The buffer that was passed. */
  buffer: Buffer
}

/** `OwnBus` is the type of the same bus with callbacks. */
export class PromisifiedBus<OwnBus> {
  readonly #bus: OwnBus
  readonly #connection: Connection

  constructor(bus: OwnBus, connection: Connection) {
    this.#bus = bus
    this.#connection = connection
  }

  /** The same bus with callbacks. */
  bus(): OwnBus {
    return this.#bus
  }

  /** Closes this bus. The board itself is closed when its last user has closed it. */
  async close(): Promise<void> {
    await this.#connection.close()
  }

  async i2cFuncs(): Promise<I2CFuncs> {
    return this.#connection.run(transactions.i2cFuncs())
  }

  /** The addresses that answer: from 0x03 to 0x77, of one address, or of a range. */
  scan(address?: number): Promise<number[]>
  scan(startAddr: number, endAddr: number): Promise<number[]>
  async scan(startAddr?: number, endAddr?: number): Promise<number[]> {
    return this.#connection.run(transactions.scan(startAddr, endAddr))
  }

  async deviceId(address: number): Promise<DeviceId> {
    return this.#connection.run(transactions.deviceId(address))
  }

  async i2cRead(address: number, length: number, buffer: Buffer): Promise<BytesRead> {
    return this.#read(transactions.i2cRead(address, length, buffer), buffer)
  }

  async i2cWrite(address: number, length: number, buffer: Buffer): Promise<BytesWritten> {
    return this.#write(transactions.i2cWrite(address, length, buffer), buffer)
  }

  async readByte(address: number, command: number): Promise<number> {
    return this.#connection.run(transactions.readByte(address, command))
  }

  async readWord(address: number, command: number): Promise<number> {
    return this.#connection.run(transactions.readWord(address, command))
  }

  async readI2cBlock(address: number, command: number, length: number, buffer: Buffer): Promise<BytesRead> {
    return this.#read(transactions.readI2cBlock(address, command, length, buffer), buffer)
  }

  /** Rejects with EOPNOTSUPP: see `readI2cBlock`. */
  async readBlock(address: number, command: number, buffer: Buffer): Promise<BytesRead> {
    return this.#read(transactions.readBlock(address, command, buffer), buffer)
  }

  async receiveByte(address: number): Promise<number> {
    return this.#connection.run(transactions.receiveByte(address))
  }

  async sendByte(address: number, byte: number): Promise<void> {
    await this.#connection.run(transactions.sendByte(address, byte))
  }

  async writeByte(address: number, command: number, byte: number): Promise<void> {
    await this.#connection.run(transactions.writeByte(address, command, byte))
  }

  async writeWord(address: number, command: number, word: number): Promise<void> {
    await this.#connection.run(transactions.writeWord(address, command, word))
  }

  async writeQuick(address: number, bit: number): Promise<void> {
    await this.#connection.run(transactions.writeQuick(address, bit))
  }

  async writeBlock(address: number, command: number, length: number, buffer: Buffer): Promise<BytesWritten> {
    return this.#write(transactions.writeBlock(address, command, length, buffer), buffer)
  }

  async writeI2cBlock(
    address: number,
    command: number,
    length: number,
    buffer: Buffer,
  ): Promise<BytesWritten> {
    return this.#write(transactions.writeI2cBlock(address, command, length, buffer), buffer)
  }

  async #read(transaction: Transaction<number>, buffer: Buffer): Promise<BytesRead> {
    return { bytesRead: await this.#connection.run(transaction), buffer }
  }

  async #write(transaction: Transaction<number>, buffer: Buffer): Promise<BytesWritten> {
    return { bytesWritten: await this.#connection.run(transaction), buffer }
  }
}
