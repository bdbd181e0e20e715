// Checks the arguments as i2c-bus does. A wrong one throws before anything is sent.

/** SMBus has 32 bytes in a block, and so has i2c-bus. */
const MAX_BLOCK_BYTES = 32

type Callback = (...results: never[]) => unknown

export function checkBusNumber(busNumber: number): void {
  if (!Number.isInteger(busNumber) || busNumber < 0)
    throw new Error(`The number of an I2C bus is an integer from 0 on, not ${String(busNumber)}`)
}

export function checkAddress(address: number): void {
  checkInteger("An I2C address", address, 0x7f)
}

export function checkCommand(command: number): void {
  checkInteger("A command", command, 0xff)
}

export function checkByte(byte: number): void {
  checkInteger("A byte", byte, 0xff)
}

export function checkWord(word: number): void {
  checkInteger("A word", word, 0xffff)
}

export function checkBit(bit: number): void {
  checkInteger("A bit", bit, 1)
}

/** Any length, but the buffer must have at least so many bytes. */
export function checkBuffer(length: number, buffer: Uint8Array): void {
  checkInteger("A length", length, Number.MAX_SAFE_INTEGER)
  if (!(buffer instanceof Uint8Array)) throw new Error(`A buffer is a Buffer, not ${String(buffer)}`)
  if (buffer.length < length) throw new Error(`The buffer has ${buffer.length} bytes, fewer than ${length}`)
}

/** The arguments of the methods that move a block. */
export function checkBlockCall(command: number, length: number, buffer: Uint8Array): void {
  checkCommand(command)
  checkInteger("The length of a block", length, MAX_BLOCK_BYTES)
  checkBuffer(length, buffer)
}

export function checkCallback<F extends Callback>(callback: F | undefined): asserts callback is F {
  if (typeof callback !== "function") throw new Error(`A callback is a function, not ${String(callback)}`)
}

function checkInteger(what: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 0 || value > most)
    throw new Error(`${what} is an integer from 0 to ${most}, not ${String(value)}`)
}
