// What a chain of descriptors asks of its device, and what came back, by device type (virtio 1.4 5.21 I2C, 5.22
// GPIO, 5.4 entropy, 5.3 console).

import { visibleText } from "../visible-text.js"
import { type Field, FieldReader } from "./field.js"

/** A chain's buffers as they lie in the window. */
export interface ChainBytes {
  readonly queueIndex: number
  /** All readable buffers, one behind the other. */
  readonly readable: Uint8Array
  /** All writable buffers: what the device wrote so far. */
  readonly writable: Uint8Array
  /** How much the device says that it wrote; undefined while it has the chain. */
  readonly usedLength: number | undefined
}

export interface RequestDescription {
  readonly text: string
  readonly fields: readonly Field[]
  /** Undefined when the answer does not say, or is not there yet. */
  readonly ok?: boolean
}

const I2C = 34
const GPIO = 41
const ENTROPY = 4
const CONSOLE = 3

const GPIO_TYPES = new Map([
  [1, "GET_LINE_NAMES"],
  [2, "GET_DIRECTION"],
  [3, "SET_DIRECTION"],
  [4, "GET_VALUE"],
  [5, "SET_VALUE"],
  [6, "SET_IRQ_TYPE"],
])
const GPIO_DIRECTIONS = ["none", "out", "in"]
const GPIO_IRQ_TYPES = new Map([
  [0, "none"],
  [1, "rising edge"],
  [2, "falling edge"],
  [3, "both edges"],
  [4, "level high"],
  [8, "level low"],
])

/** The most bytes that a line shows; the rest is counted. */
const SHOWN_BYTES = 16

/** Describes a chain of a device of type `deviceId`. Never throws. */
export function describeRequest(deviceId: number, chain: ChainBytes): RequestDescription {
  if (deviceId === I2C) return i2c(chain)
  if (deviceId === GPIO) return chain.queueIndex === 1 ? gpioInterrupt(chain) : gpio(chain)
  if (deviceId === ENTROPY) return entropy(chain)
  if (deviceId === CONSOLE) return consoleData(chain)
  return any(chain)
}

/** Header {addr le16, padding le16, flags le32}, bytes to write; then bytes read, and a status byte. */
function i2c(chain: ChainBytes): RequestDescription {
  const { readable, writable } = chain
  if (readable.length < 8 || writable.length < 1) return any(chain)
  const request = new FieldReader(readable)
  const raw = request.u16("i2c_addr", (address) => hex2(address >> 1))
  request.u16("i2c_padding")
  const flags = request.u32("i2c_flags", i2cFlags)
  request.data("i2c_write")
  const readLength = writable.length - 1
  const isRead = (flags & 2) !== 0
  const isDone = chain.usedLength !== undefined
  const address = `i2c ${hex2(raw >> 1)}`
  const what = isRead
    ? `read ${readLength}`
    : readable.length > 8
      ? `write ${shownBytes(readable.subarray(8))}`
      : "probe"
  const group = flags & 1 ? ", with the next" : ""
  if (!isDone) return { text: `${address} ${what}${group}`, fields: request.fields }
  const answer = new FieldReader(writable)
  answer.data("i2c_read", readLength)
  const status = answer.u8("i2c_status", (value) => (value === 0 ? "OK" : value === 1 ? "ERROR" : "unknown"))
  const ok = status === 0
  const data = isRead && ok ? `read ${shownBytes(writable.subarray(0, readLength))}` : what
  return {
    text: `${address} ${data}${ok ? "" : ": no answer"}`,
    fields: [...request.fields, ...moved(answer.fields, readable.length)],
    ok,
  }
}

function i2cFlags(flags: number): string {
  const names = [...(flags & 1 ? ["FAIL_NEXT"] : []), ...(flags & 2 ? ["M_RD"] : [])]
  if (flags >>> 2) names.push("reserved bits")
  return names.join(" | ")
}

/** Request {type le16, gpio le16, value le32}; response {status u8, value...}. */
function gpio(chain: ChainBytes): RequestDescription {
  const { readable, writable } = chain
  if (readable.length < 8 || writable.length < 1) return any(chain)
  const request = new FieldReader(readable)
  const type = request.u16("gpio_type", (value) => GPIO_TYPES.get(value) ?? "unknown")
  const line = request.u16("gpio_line")
  const value = request.u32("gpio_value", (number) => gpioValue(type, number))
  const name = GPIO_TYPES.get(type) ?? `request ${type}`
  const argument = type === 3 || type === 5 || type === 6 ? ` ${gpioValue(type, value) || value}` : ""
  const text = type === 1 ? `gpio ${name}` : `gpio line ${line} ${name}${argument}`
  if (chain.usedLength === undefined) return { text, fields: request.fields }
  const answer = new FieldReader(writable)
  const status = answer.u8("gpio_status", (code) => (code === 0 ? "OK" : "ERROR"))
  const hasValue = type === 2 || type === 4
  const got = hasValue ? answer.u8("gpio_answer", (number) => gpioValue(type, number)) : 0
  if (type === 1) answer.data("gpio_names")
  const ok = status === 0
  const result = ok ? (hasValue ? ` = ${gpioValue(type, got) || got}` : "") : ": refused"
  return { text: `${text}${result}`, fields: [...request.fields, ...moved(answer.fields, 8)], ok }
}

function gpioValue(type: number, value: number): string {
  if (type === 2 || type === 3) return GPIO_DIRECTIONS[value] ?? ""
  if (type === 6) return GPIO_IRQ_TYPES.get(value) ?? ""
  return ""
}

/** A buffer for an interrupt of a line: {gpio le16}; {status u8} when it came. */
function gpioInterrupt(chain: ChainBytes): RequestDescription {
  const { readable, writable } = chain
  if (readable.length < 2 || writable.length < 1) return any(chain)
  const request = new FieldReader(readable)
  const line = request.u16("gpio_line")
  if (chain.usedLength === undefined)
    return { text: `gpio line ${line} waits for an interrupt`, fields: request.fields }
  const answer = new FieldReader(writable)
  const ok = answer.u8("gpio_irq_status", (code) => (code === 1 ? "VALID" : "INVALID")) === 1
  return {
    text: `gpio line ${line} ${ok ? "interrupt" : "gives its buffer back"}`,
    fields: [...request.fields, ...moved(answer.fields, 2)],
    ok,
  }
}

function entropy({ writable, usedLength }: ChainBytes): RequestDescription {
  if (usedLength === undefined) return { text: `entropy: asks for ${writable.length} bytes`, fields: [] }
  const answer = new FieldReader(writable, 0, usedLength)
  answer.data("entropy")
  const got = writable.subarray(0, usedLength)
  return { text: `entropy: ${shownBytes(got)}`, fields: answer.fields, ok: usedLength > 0 }
}

function consoleData({ readable, writable, usedLength }: ChainBytes): RequestDescription {
  const output = new FieldReader(readable)
  output.data("console_output")
  if (readable.length > 0)
    return {
      text: `console output ${shownText(readable)}`,
      fields: output.fields,
      ...(usedLength === undefined ? {} : { ok: true }),
    }
  if (usedLength === undefined)
    return { text: `console: a buffer of ${writable.length} bytes for input`, fields: [] }
  const input = new FieldReader(writable, 0, usedLength)
  input.data("console_input")
  return {
    text: `console input ${shownText(writable.subarray(0, usedLength))}`,
    fields: input.fields,
    ok: true,
  }
}

function any({ readable, writable, usedLength }: ChainBytes): RequestDescription {
  const request = new FieldReader(readable)
  request.data("readable")
  const sizes = `${readable.length} bytes to read, ${writable.length} to write`
  if (usedLength === undefined) return { text: sizes, fields: request.fields }
  const answer = new FieldReader(writable, 0, usedLength)
  answer.data("writable")
  return {
    text: `${sizes}: ${usedLength} written`,
    fields: [...request.fields, ...moved(answer.fields, readable.length)],
  }
}

/** The fields, `by` bytes further behind. */
function moved(fields: readonly Field[], by: number): Field[] {
  return fields.map((field) => ({ ...field, offset: field.offset + by }))
}

function shownBytes(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, SHOWN_BYTES), (byte) => byte.toString(16).padStart(2, "0"))
  const rest = bytes.length - shown.length
  return `${shown.join(" ")}${rest > 0 ? ` and ${rest} more` : ""}`
}

function shownText(bytes: Uint8Array): string {
  return visibleText(JSON.stringify(String.fromCharCode(...bytes)))
}

function hex2(value: number): string {
  return `0x${value.toString(16).padStart(2, "0")}`
}
