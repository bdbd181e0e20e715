// i2c-bus' Bus: every method with a callback, and the Sync ones (sync-methods.ts).

import { checkCallback } from "./checks.js"
import type { DeviceId } from "./device-id.js"
import type { I2CFuncs } from "./funcs.js"
import type { Operations } from "./operations.js"
import { PromisifiedBus } from "./promisified-bus.js"
import { addSyncMethods, type SyncMethods } from "./sync-methods.js"

// As in @types/i2c-bus: an error's type is left to who uses it.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Completion = (error: any) => unknown
// biome-ignore lint/suspicious/noExplicitAny: see above
type Result<T> = (error: any, result: T) => unknown
// biome-ignore lint/suspicious/noExplicitAny: see above
type BufferResult = (error: any, bytesReadOrWritten: number, buffer: Buffer) => unknown

// addSyncMethods defines them, below
export interface Bus extends SyncMethods {}

// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: every method of the interface is defined
export class Bus {
  readonly #operations: Operations
  readonly #promisified: PromisifiedBus

  constructor(operations: Operations) {
    this.#operations = operations
    this.#promisified = new PromisifiedBus(this, operations)
  }

  /** The same bus with promises. */
  promisifiedBus(): PromisifiedBus {
    return this.#promisified
  }

  /** Gives the bus back; the board itself is closed with its last user. */
  close(callback: Completion): void {
    checkCallback(callback)
    complete(this.#operations.close(), callback)
  }

  /** As `close`, without waiting for it. */
  closeSync(): void {
    this.#operations.close().catch(() => {})
  }

  i2cFuncs(callback: Result<I2CFuncs>): void {
    checkCallback(callback)
    deliver(this.#operations.i2cFuncs(), callback)
  }

  /** The addresses that answer: from 0x03 to 0x77, of one address, or of a range. */
  scan(callback: Result<number[]>): void
  scan(address: number, callback: Result<number[]>): void
  scan(startAddr: number, endAddr: number, callback: Result<number[]>): void
  scan(...args: (number | Result<number[]>)[]): void {
    const last = args.findIndex((arg) => typeof arg === "function")
    const callback = args[last] as Result<number[]> | undefined
    checkCallback(callback)
    const [startAddr, endAddr] = args.slice(0, last) as number[]
    deliver(this.#operations.scan(startAddr, endAddr), callback)
  }

  deviceId(address: number, callback: Result<DeviceId>): void {
    checkCallback(callback)
    deliver(this.#operations.deviceId(address), callback)
  }

  i2cRead(address: number, length: number, buffer: Buffer, callback: BufferResult): void {
    checkCallback(callback)
    deliverBuffer(this.#operations.i2cRead(address, length, buffer), buffer, callback)
  }

  i2cWrite(address: number, length: number, buffer: Buffer, callback: BufferResult): void {
    checkCallback(callback)
    deliverBuffer(this.#operations.i2cWrite(address, length, buffer), buffer, callback)
  }

  readByte(address: number, command: number, callback: Result<number>): void {
    checkCallback(callback)
    deliver(this.#operations.readByte(address, command), callback)
  }

  readWord(address: number, command: number, callback: Result<number>): void {
    checkCallback(callback)
    deliver(this.#operations.readWord(address, command), callback)
  }

  readI2cBlock(
    address: number,
    command: number,
    length: number,
    buffer: Buffer,
    callback: BufferResult,
  ): void {
    checkCallback(callback)
    deliverBuffer(this.#operations.readI2cBlock(address, command, length, buffer), buffer, callback)
  }

  /** Calls back with EOPNOTSUPP: see `readI2cBlock`. */
  readBlock(address: number, command: number, buffer: Buffer, callback: BufferResult): void {
    checkCallback(callback)
    deliverBuffer(this.#operations.readBlock(address, command, buffer), buffer, callback)
  }

  receiveByte(address: number, callback: Result<number>): void {
    checkCallback(callback)
    deliver(this.#operations.receiveByte(address), callback)
  }

  sendByte(address: number, byte: number, callback: Completion): void {
    checkCallback(callback)
    complete(this.#operations.sendByte(address, byte), callback)
  }

  writeByte(address: number, command: number, byte: number, callback: Completion): void {
    checkCallback(callback)
    complete(this.#operations.writeByte(address, command, byte), callback)
  }

  writeWord(address: number, command: number, word: number, callback: Completion): void {
    checkCallback(callback)
    complete(this.#operations.writeWord(address, command, word), callback)
  }

  writeQuick(address: number, bit: number, callback: Completion): void {
    checkCallback(callback)
    complete(this.#operations.writeQuick(address, bit), callback)
  }

  writeBlock(address: number, command: number, length: number, buffer: Buffer, callback: BufferResult): void {
    checkCallback(callback)
    deliverBuffer(this.#operations.writeBlock(address, command, length, buffer), buffer, callback)
  }

  writeI2cBlock(
    address: number,
    command: number,
    length: number,
    buffer: Buffer,
    callback: BufferResult,
  ): void {
    checkCallback(callback)
    deliverBuffer(this.#operations.writeI2cBlock(address, command, length, buffer), buffer, callback)
  }
}

addSyncMethods(Bus.prototype)

// What a callback throws is its own: it must become an uncaught exception, not a rejection of ours.

function complete(work: Promise<void>, callback: Completion): void {
  work.then(
    () => process.nextTick(callback, null),
    (error) => process.nextTick(callback, error),
  )
}

function deliver<T>(work: Promise<T>, callback: Result<T>): void {
  work.then(
    (result) => process.nextTick(callback, null, result),
    (error) => process.nextTick(callback, error),
  )
}

function deliverBuffer(work: Promise<number>, buffer: Buffer, callback: BufferResult): void {
  work.then(
    (count) => process.nextTick(callback, null, count, buffer),
    (error) => process.nextTick(callback, error),
  )
}
