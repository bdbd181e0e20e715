// The transactions of i2c-bus as virtio-i2c requests. Every function checks its arguments at once, and throws if one is
// wrong. The `finish` of its result turns the outcomes of the requests into what the call returns.

import {
  checkAddress,
  checkBit,
  checkBlockCall,
  checkBuffer,
  checkByte,
  checkCommand,
  checkWord,
} from "./checks.js"
import { DEVICE_ID_ADDRESS, type DeviceId, parseDeviceId } from "./device-id.js"
import { makeError } from "./errno.js"
import { FUNCS, type I2CFuncs } from "./funcs.js"
import type { Outcome, Request, Transaction } from "./request.js"

/** As i2cdetect: the addresses below and above are reserved for special uses. */
const FIRST_SCANNED = 0x03
const LAST_SCANNED = 0x77

export function i2cFuncs(): Transaction<I2CFuncs> {
  return { syscall: "i2cFuncs", requests: [], finish: () => FUNCS }
}

/** The addresses from `first` to `last` at which a byte can be read: `first` alone without `last`, all without both. */
export function scan(first?: number, last = first ?? LAST_SCANNED): Transaction<number[]> {
  const start = first ?? FIRST_SCANNED
  checkAddress(start)
  checkAddress(last)
  const addresses = Array.from({ length: Math.max(0, last - start + 1) }, (_, at) => start + at)
  return {
    syscall: "scan",
    requests: addresses.map((address) => ({ address, readLength: 1, failNext: false })),
    finish: (outcomes) => addresses.filter((_, at) => outcomes[at]?.ok),
  }
}

/** The device id of I2C (UM10204 3.1.17): few chips have one. */
export function deviceId(address: number): Transaction<DeviceId> {
  checkAddress(address)
  return writeRead("deviceId", DEVICE_ID_ADDRESS, Uint8Array.of(address << 1), 3, parseDeviceId)
}

/** Reads `length` bytes into `buffer`. The result is their number. */
export function i2cRead(address: number, length: number, buffer: Uint8Array): Transaction<number> {
  checkBuffer(length, buffer)
  return read("read", address, length, (data) => copyInto(buffer, data))
}

/** Writes the first `length` bytes of `buffer`. The result is their number. */
export function i2cWrite(address: number, length: number, buffer: Uint8Array): Transaction<number> {
  checkBuffer(length, buffer)
  return write("write", address, copyOf(buffer, length), () => length)
}

export function readByte(address: number, command: number): Transaction<number> {
  checkCommand(command)
  return writeRead("readByte", address, Uint8Array.of(command), 1, firstByte)
}

/** Low byte first, as in SMBus. */
export function readWord(address: number, command: number): Transaction<number> {
  checkCommand(command)
  return writeRead(
    "readWord",
    address,
    Uint8Array.of(command),
    2,
    (data) => firstByte(data) | ((data[1] as number) << 8),
  )
}

/** Reads `length` bytes, 32 at most, from register `command` on into `buffer`. The result is their number. */
export function readI2cBlock(
  address: number,
  command: number,
  length: number,
  buffer: Uint8Array,
): Transaction<number> {
  checkBlockCall(command, length, buffer)
  return writeRead("readI2cBlock", address, Uint8Array.of(command), length, (data) => copyInto(buffer, data))
}

/** SMBus block read, in which the chip says how many bytes follow. Always EOPNOTSUPP, as with Linux' i2c-virtio. */
export function readBlock(address: number, command: number, buffer: Uint8Array): Transaction<number> {
  checkAddress(address)
  checkCommand(command)
  checkBuffer(0, buffer)
  const hint =
    "virtio-i2c has to know the length beforehand. Use readI2cBlock, whose first byte is the count."
  return {
    syscall: "readBlock",
    requests: [],
    finish: () => {
      throw makeError("EOPNOTSUPP", "readBlock", hint)
    },
  }
}

export function receiveByte(address: number): Transaction<number> {
  return read("receiveByte", address, 1, firstByte)
}

export function sendByte(address: number, byte: number): Transaction<void> {
  checkByte(byte)
  return write("sendByte", address, Uint8Array.of(byte), nothing)
}

export function writeByte(address: number, command: number, byte: number): Transaction<void> {
  checkCommand(command)
  checkByte(byte)
  return write("writeByte", address, Uint8Array.of(command, byte), nothing)
}

/** Low byte first, as in SMBus. */
export function writeWord(address: number, command: number, word: number): Transaction<void> {
  checkCommand(command)
  checkWord(word)
  return write("writeWord", address, Uint8Array.of(command, word & 0xff, word >> 8), nothing)
}

/** A transaction without bytes. The value of `bit` does not matter: virtio-i2c has only one zero-length request. */
export function writeQuick(address: number, bit: number): Transaction<void> {
  checkBit(bit)
  return write("writeQuick", address, new Uint8Array(0), nothing)
}

/** SMBus block write: the command, the count, and the first `length` bytes of `buffer`, 32 at most. */
export function writeBlock(
  address: number,
  command: number,
  length: number,
  buffer: Uint8Array,
): Transaction<number> {
  checkBlockCall(command, length, buffer)
  const bytes = Uint8Array.of(command, length, ...buffer.subarray(0, length))
  return write("writeBlock", address, bytes, () => length)
}

/** Writes the first `length` bytes of `buffer`, 32 at most, from register `command` on. The result is their number. */
export function writeI2cBlock(
  address: number,
  command: number,
  length: number,
  buffer: Uint8Array,
): Transaction<number> {
  checkBlockCall(command, length, buffer)
  const bytes = Uint8Array.of(command, ...buffer.subarray(0, length))
  return write("writeI2cBlock", address, bytes, () => length)
}

function write<T>(syscall: string, address: number, bytes: Uint8Array, result: () => T): Transaction<T> {
  const message = bytes.length > 0 ? { write: bytes } : {}
  return transfer(syscall, [{ address, ...message, failNext: false }], result)
}

function read<T>(
  syscall: string,
  address: number,
  length: number,
  result: (data: Uint8Array) => T,
): Transaction<T> {
  return transfer(syscall, [{ address, readLength: length, failNext: false }], result)
}

/** Writes, then reads after a repeated start. */
function writeRead<T>(
  syscall: string,
  address: number,
  bytes: Uint8Array,
  length: number,
  result: (data: Uint8Array) => T,
): Transaction<T> {
  if (length === 0) return write(syscall, address, bytes, () => result(new Uint8Array(0)))
  const requests = [
    { address, write: bytes, failNext: true },
    { address, readLength: length, failNext: false },
  ]
  return transfer(syscall, requests, result)
}

/** `result` is called with the bytes that the last request read. */
function transfer<T>(
  syscall: string,
  requests: readonly Request[],
  result: (data: Uint8Array) => T,
): Transaction<T> {
  for (const { address } of requests) checkAddress(address)
  const finish = (outcomes: readonly Outcome[]) => {
    const failed = requests.findIndex((_, at) => !outcomes[at]?.ok)
    if (failed < 0) return result(outcomes[requests.length - 1]?.data ?? new Uint8Array(0))
    const where = `0x${(requests[failed] as Request).address.toString(16).padStart(2, "0")}`
    throw failed === 0
      ? makeError("ENXIO", syscall, `no chip acknowledged at ${where}.`)
      : makeError("EIO", syscall, `the chip at ${where} acknowledged the write, but not the read behind it.`)
  }
  return { syscall, requests, finish }
}

function nothing(): void {}

function firstByte(data: Uint8Array): number {
  return data[0] as number
}

/** A copy, so that the caller may use its buffer again at once. A Buffer's own `slice` would only be a view of it. */
function copyOf(buffer: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from(buffer.subarray(0, length))
}

function copyInto(buffer: Uint8Array, data: Uint8Array): number {
  buffer.set(data)
  return data.length
}
