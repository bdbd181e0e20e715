// The transactions of i2c-bus as virtio-i2c requests. Every method checks its arguments at once, and throws; what
// happens on the bus it tells by its promise.

import type { I2cOutcome, I2cRequest } from "virtio-msg" with { "resolution-mode": "import" }
import {
  checkAddress,
  checkBit,
  checkBlock,
  checkBuffer,
  checkByte,
  checkCommand,
  checkWord,
} from "./checks.js"
import type { Connection } from "./connection.js"
import { DEVICE_ID_ADDRESS, type DeviceId, parseDeviceId } from "./device-id.js"
import { makeError } from "./errno.js"
import { FUNCS, type I2CFuncs } from "./funcs.js"

/** As i2cdetect: below and above are addresses with a meaning of their own. */
const FIRST_SCANNED = 0x03
const LAST_SCANNED = 0x77

export class Operations {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  async i2cFuncs(): Promise<I2CFuncs> {
    await this.#connection.opened
    return FUNCS
  }

  /** The addresses from `first` to `last` at which a byte can be read, or whether `first` is one: all asked at once. */
  scan(first?: number, last = first ?? LAST_SCANNED): Promise<number[]> {
    return this.#scan(first ?? FIRST_SCANNED, last)
  }

  #scan(first: number, last: number): Promise<number[]> {
    checkAddress(first)
    checkAddress(last)
    const addresses = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)
    return this.#connection
      .submit(
        "scan",
        addresses.map((address) => ({ address, readLength: 1, failNext: false })),
      )
      .then((outcomes) => addresses.filter((_, at) => outcomes[at]?.ok))
  }

  /** The device id of I2C (UM10204 3.1.17): few chips have one. */
  deviceId(address: number): Promise<DeviceId> {
    checkAddress(address)
    const asked = Uint8Array.of(address << 1)
    return this.#writeRead("deviceId", DEVICE_ID_ADDRESS, asked, 3).then(parseDeviceId)
  }

  /** Reads `length` bytes into `buffer`; returns their number. */
  i2cRead(address: number, length: number, buffer: Uint8Array): Promise<number> {
    checkAddress(address)
    checkBuffer(length, buffer)
    return this.#read("read", address, length).then((data) => copyInto(buffer, data))
  }

  /** Writes the first `length` bytes of `buffer`; returns their number. */
  i2cWrite(address: number, length: number, buffer: Uint8Array): Promise<number> {
    checkAddress(address)
    checkBuffer(length, buffer)
    return this.#write("write", address, buffer.slice(0, length)).then(() => length)
  }

  readByte(address: number, command: number): Promise<number> {
    checkAddress(address)
    checkCommand(command)
    return this.#writeRead("readByte", address, Uint8Array.of(command), 1).then(first)
  }

  /** Low byte first, as SMBus has it. */
  readWord(address: number, command: number): Promise<number> {
    checkAddress(address)
    checkCommand(command)
    return this.#writeRead("readWord", address, Uint8Array.of(command), 2).then(
      (data) => first(data) | ((data[1] as number) << 8),
    )
  }

  /** Reads `length` bytes, 32 at most, from register `command` on into `buffer`; returns their number. */
  readI2cBlock(address: number, command: number, length: number, buffer: Uint8Array): Promise<number> {
    checkAddress(address)
    checkCommand(command)
    checkBlock(length, buffer)
    return this.#writeRead("readI2cBlock", address, Uint8Array.of(command), length).then((data) =>
      copyInto(buffer, data),
    )
  }

  /** SMBus block read, in which the chip says how many bytes follow: EOPNOTSUPP, as on Linux' i2c-virtio. */
  readBlock(address: number, command: number, buffer: Uint8Array): Promise<number> {
    checkAddress(address)
    checkCommand(command)
    checkBuffer(0, buffer)
    const hint =
      "virtio-i2c has to know the length beforehand. Use readI2cBlock, whose first byte is the count."
    return Promise.reject(makeError("EOPNOTSUPP", "readBlock", hint))
  }

  receiveByte(address: number): Promise<number> {
    checkAddress(address)
    return this.#read("receiveByte", address, 1).then(first)
  }

  sendByte(address: number, byte: number): Promise<void> {
    checkAddress(address)
    checkByte(byte)
    return this.#write("sendByte", address, Uint8Array.of(byte))
  }

  writeByte(address: number, command: number, byte: number): Promise<void> {
    checkAddress(address)
    checkCommand(command)
    checkByte(byte)
    return this.#write("writeByte", address, Uint8Array.of(command, byte))
  }

  /** Low byte first, as SMBus has it. */
  writeWord(address: number, command: number, word: number): Promise<void> {
    checkAddress(address)
    checkCommand(command)
    checkWord(word)
    return this.#write("writeWord", address, Uint8Array.of(command, word & 0xff, word >> 8))
  }

  /** A transaction without bytes. Which `bit` is no matter: virtio-i2c has one zero-length request. */
  writeQuick(address: number, bit: number): Promise<void> {
    checkAddress(address)
    checkBit(bit)
    return this.#write("writeQuick", address, new Uint8Array(0))
  }

  /** SMBus block write: the command, the count, and the first `length` bytes of `buffer`, 32 at most. */
  writeBlock(address: number, command: number, length: number, buffer: Uint8Array): Promise<number> {
    checkAddress(address)
    checkCommand(command)
    checkBlock(length, buffer)
    const bytes = Uint8Array.of(command, length, ...buffer.subarray(0, length))
    return this.#write("writeBlock", address, bytes).then(() => length)
  }

  /** Writes the first `length` bytes of `buffer`, 32 at most, from register `command` on; returns their number. */
  writeI2cBlock(address: number, command: number, length: number, buffer: Uint8Array): Promise<number> {
    checkAddress(address)
    checkCommand(command)
    checkBlock(length, buffer)
    const bytes = Uint8Array.of(command, ...buffer.subarray(0, length))
    return this.#write("writeI2cBlock", address, bytes).then(() => length)
  }

  async #write(syscall: string, address: number, bytes: Uint8Array): Promise<void> {
    const message = bytes.length > 0 ? { write: bytes } : {}
    await this.#transfer(syscall, [{ address, ...message, failNext: false }])
  }

  async #read(syscall: string, address: number, length: number): Promise<Uint8Array> {
    const [outcome] = await this.#transfer(syscall, [{ address, readLength: length, failNext: false }])
    return outcome?.data ?? new Uint8Array(0)
  }

  /** Writes, then reads after a repeated start. */
  async #writeRead(syscall: string, address: number, bytes: Uint8Array, length: number): Promise<Uint8Array> {
    if (length === 0) {
      await this.#write(syscall, address, bytes)
      return new Uint8Array(0)
    }
    const outcomes = await this.#transfer(syscall, [
      { address, write: bytes, failNext: true },
      { address, readLength: length, failNext: false },
    ])
    return outcomes[1]?.data ?? new Uint8Array(0)
  }

  async #transfer(syscall: string, requests: readonly I2cRequest[]): Promise<I2cOutcome[]> {
    const outcomes = await this.#connection.submit(syscall, requests)
    const failed = outcomes.findIndex((outcome) => !outcome.ok)
    if (failed < 0) return outcomes
    const where = `0x${(requests[failed] as I2cRequest).address.toString(16).padStart(2, "0")}`
    throw failed === 0
      ? makeError("ENXIO", syscall, `no chip acknowledged at ${where}.`)
      : makeError("EIO", syscall, `the chip at ${where} acknowledged the write, but not the read behind it.`)
  }
}

function first(data: Uint8Array): number {
  return data[0] as number
}

function copyInto(buffer: Uint8Array, data: Uint8Array): number {
  buffer.set(data)
  return data.length
}
