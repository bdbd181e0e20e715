// i2c-bus' Bus: every method with a callback, and its Sync form, which blocks until the board has answered.

import { checkCallback } from "./checks.js"
import type { Connection } from "./connection.js"
import type { DeviceId } from "./device-id.js"
import type { I2CFuncs } from "./funcs.js"
import { PromisifiedBus } from "./promisified-bus.js"
import type { Transaction } from "./request.js"
import * as transactions from "./transactions.js"

// As in @types/i2c-bus: the user chooses the type of an error.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Completion = (error: any) => unknown
// biome-ignore lint/suspicious/noExplicitAny: see above
type Result<T> = (error: any, result: T) => unknown
// biome-ignore lint/suspicious/noExplicitAny: see above
type BufferResult = (error: any, bytesReadOrWritten: number, buffer: Buffer) => unknown

export class Bus {
  readonly #connection: Connection
  readonly #promisified: PromisifiedBus<Bus>

  constructor(connection: Connection) {
    this.#connection = connection
    this.#promisified = new PromisifiedBus<Bus>(this, connection)
  }

  /** The same bus with promises. */
  promisifiedBus(): PromisifiedBus<Bus> {
    return this.#promisified
  }

  /** Closes this bus. The board itself is closed when its last user has closed it. */
  close(callback: Completion): void {
    checkCallback(callback)
    callBack(this.#connection.close(), callback)
  }

  closeSync(): void {
    this.#connection.closeSync()
  }

  i2cFuncs(callback: Result<I2CFuncs>): void {
    this.#deliver(transactions.i2cFuncs(), callback)
  }

  i2cFuncsSync(): I2CFuncs {
    return this.#connection.runSync(transactions.i2cFuncs())
  }

  /** The addresses that answer: from 0x03 to 0x77, of one address, or of a range. */
  scan(callback: Result<number[]>): void
  scan(address: number, callback: Result<number[]>): void
  scan(startAddr: number, endAddr: number, callback: Result<number[]>): void
  scan(...args: (number | Result<number[]>)[]): void {
    const last = args.findIndex((arg) => typeof arg === "function")
    const callback = args[last] as Result<number[]>
    const [startAddr, endAddr] = args.slice(0, last) as number[]
    this.#deliver(transactions.scan(startAddr, endAddr), callback)
  }

  scanSync(address?: number): number[]
  scanSync(startAddr: number, endAddr: number): number[]
  scanSync(startAddr?: number, endAddr?: number): number[] {
    return this.#connection.runSync(transactions.scan(startAddr, endAddr))
  }

  deviceId(address: number, callback: Result<DeviceId>): void {
    this.#deliver(transactions.deviceId(address), callback)
  }

  deviceIdSync(address: number): DeviceId {
    return this.#connection.runSync(transactions.deviceId(address))
  }

  i2cRead(address: number, length: number, buffer: Buffer, callback: BufferResult): void {
    this.#deliverBuffer(transactions.i2cRead(address, length, buffer), buffer, callback)
  }

  i2cReadSync(address: number, length: number, buffer: Buffer): number {
    return this.#connection.runSync(transactions.i2cRead(address, length, buffer))
  }

  i2cWrite(address: number, length: number, buffer: Buffer, callback: BufferResult): void {
    this.#deliverBuffer(transactions.i2cWrite(address, length, buffer), buffer, callback)
  }

  i2cWriteSync(address: number, length: number, buffer: Buffer): number {
    return this.#connection.runSync(transactions.i2cWrite(address, length, buffer))
  }

  readByte(address: number, command: number, callback: Result<number>): void {
    this.#deliver(transactions.readByte(address, command), callback)
  }

  readByteSync(address: number, command: number): number {
    return this.#connection.runSync(transactions.readByte(address, command))
  }

  readWord(address: number, command: number, callback: Result<number>): void {
    this.#deliver(transactions.readWord(address, command), callback)
  }

  readWordSync(address: number, command: number): number {
    return this.#connection.runSync(transactions.readWord(address, command))
  }

  readI2cBlock(
    address: number,
    command: number,
    length: number,
    buffer: Buffer,
    callback: BufferResult,
  ): void {
    this.#deliverBuffer(transactions.readI2cBlock(address, command, length, buffer), buffer, callback)
  }

  readI2cBlockSync(address: number, command: number, length: number, buffer: Buffer): number {
    return this.#connection.runSync(transactions.readI2cBlock(address, command, length, buffer))
  }

  /** Calls back with EOPNOTSUPP: see `readI2cBlock`. */
  readBlock(address: number, command: number, buffer: Buffer, callback: BufferResult): void {
    this.#deliverBuffer(transactions.readBlock(address, command, buffer), buffer, callback)
  }

  readBlockSync(address: number, command: number, buffer: Buffer): number {
    return this.#connection.runSync(transactions.readBlock(address, command, buffer))
  }

  receiveByte(address: number, callback: Result<number>): void {
    this.#deliver(transactions.receiveByte(address), callback)
  }

  receiveByteSync(address: number): number {
    return this.#connection.runSync(transactions.receiveByte(address))
  }

  sendByte(address: number, byte: number, callback: Completion): void {
    this.#complete(transactions.sendByte(address, byte), callback)
  }

  sendByteSync(address: number, byte: number): this {
    this.#connection.runSync(transactions.sendByte(address, byte))
    return this
  }

  writeByte(address: number, command: number, byte: number, callback: Completion): void {
    this.#complete(transactions.writeByte(address, command, byte), callback)
  }

  writeByteSync(address: number, command: number, byte: number): this {
    this.#connection.runSync(transactions.writeByte(address, command, byte))
    return this
  }

  writeWord(address: number, command: number, word: number, callback: Completion): void {
    this.#complete(transactions.writeWord(address, command, word), callback)
  }

  writeWordSync(address: number, command: number, word: number): this {
    this.#connection.runSync(transactions.writeWord(address, command, word))
    return this
  }

  writeQuick(address: number, bit: number, callback: Completion): void {
    this.#complete(transactions.writeQuick(address, bit), callback)
  }

  writeQuickSync(address: number, bit: number): this {
    this.#connection.runSync(transactions.writeQuick(address, bit))
    return this
  }

  writeBlock(address: number, command: number, length: number, buffer: Buffer, callback: BufferResult): void {
    this.#deliverBuffer(transactions.writeBlock(address, command, length, buffer), buffer, callback)
  }

  writeBlockSync(address: number, command: number, length: number, buffer: Buffer): this {
    this.#connection.runSync(transactions.writeBlock(address, command, length, buffer))
    return this
  }

  writeI2cBlock(
    address: number,
    command: number,
    length: number,
    buffer: Buffer,
    callback: BufferResult,
  ): void {
    this.#deliverBuffer(transactions.writeI2cBlock(address, command, length, buffer), buffer, callback)
  }

  writeI2cBlockSync(address: number, command: number, length: number, buffer: Buffer): this {
    this.#connection.runSync(transactions.writeI2cBlock(address, command, length, buffer))
    return this
  }

  #complete(transaction: Transaction<void>, callback: Completion): void {
    checkCallback(callback)
    callBack(this.#connection.run(transaction), callback)
  }

  #deliver<T>(transaction: Transaction<T>, callback: Result<T>): void {
    checkCallback(callback)
    callBack(this.#connection.run(transaction), callback, (result) => [result])
  }

  #deliverBuffer(transaction: Transaction<number>, buffer: Buffer, callback: BufferResult): void {
    checkCallback(callback)
    callBack(this.#connection.run(transaction), callback, (count) => [count, buffer])
  }
}

/** Calls back when `work` is done. An error that a callback throws becomes an uncaught exception. */
export function callBack<T>(
  work: Promise<T>,
  callback: (...results: never[]) => unknown,
  resultsOf: (result: T) => unknown[] = () => [],
): void {
  work.then(
    (result) => process.nextTick(callback, null, ...resultsOf(result)),
    (error) => process.nextTick(callback, error),
  )
}
