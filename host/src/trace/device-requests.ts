// What a chain of descriptors asks of its device, and what came back, by device type (virtio 1.4 5.16 I2C, 5.18
// GPIO, 5.4 entropy, 5.3 console).

import { deviceTypeOf, type PerDeviceType } from "../../../shared-protocol/src/device-types/catalogue.js"
import {
  GPIO_DIRECTION_IN,
  GPIO_DIRECTION_NONE,
  GPIO_DIRECTION_OUT,
  GPIO_EVENT_QUEUE,
  GPIO_GET_DIRECTION,
  GPIO_GET_LINE_NAMES,
  GPIO_GET_VALUE,
  GPIO_IRQ_EDGE_BOTH,
  GPIO_IRQ_EDGE_FALLING,
  GPIO_IRQ_EDGE_RISING,
  GPIO_IRQ_LEVEL_HIGH,
  GPIO_IRQ_LEVEL_LOW,
  GPIO_IRQ_NONE,
  GPIO_IRQ_STATUS_VALID,
  GPIO_REQUEST_SIZE,
  GPIO_SET_DIRECTION,
  GPIO_SET_IRQ_TYPE,
  GPIO_SET_VALUE,
  GPIO_STATUS_OK,
} from "../../../shared-protocol/src/device-types/gpio.js"
import {
  I2C_FLAG_FAIL_NEXT,
  I2C_FLAG_M_RD,
  I2C_HEADER_SIZE,
  I2C_STATUS_ERROR,
  I2C_STATUS_OK,
} from "../../../shared-protocol/src/device-types/i2c.js"
import {
  RTC_CFG,
  RTC_CLOCK_CAP,
  RTC_HEADER_SIZE,
  RTC_READ,
  RTC_REQUEST_SIZE,
  RTC_RESPONSE_SIZE,
  RTC_STATUS_OK,
} from "../../../shared-protocol/src/device-types/rtc.js"
import { counted } from "../counted.js"
import { hex, hexDigits } from "../hex.js"
import { visibleText } from "../visible-text.js"
import { type Field, FieldReader } from "./field.js"

/** A chain's buffers as they lie in the window. */
export interface ChainBytes {
  readonly queueIndex: number
  /** All readable buffers, one after another. */
  readonly readable: Uint8Array
  /** All writable buffers, with what the device wrote so far. */
  readonly writable: Uint8Array
  /** How much the device says that it wrote. Undefined while the device has the chain. */
  readonly usedLength: number | undefined
}

export interface RequestDescription {
  readonly text: string
  readonly fields: readonly Field[]
  /** Undefined when the answer does not say so, or is not there yet. */
  readonly ok?: boolean
}

export const GPIO_TYPES = new Map([
  [GPIO_GET_LINE_NAMES, "GET_LINE_NAMES"],
  [GPIO_GET_DIRECTION, "GET_DIRECTION"],
  [GPIO_SET_DIRECTION, "SET_DIRECTION"],
  [GPIO_GET_VALUE, "GET_VALUE"],
  [GPIO_SET_VALUE, "SET_VALUE"],
  [GPIO_SET_IRQ_TYPE, "SET_IRQ_TYPE"],
])
export const GPIO_DIRECTIONS = new Map([
  [GPIO_DIRECTION_NONE, "none"],
  [GPIO_DIRECTION_OUT, "out"],
  [GPIO_DIRECTION_IN, "in"],
])
export const GPIO_IRQ_TYPES = new Map([
  [GPIO_IRQ_NONE, "none"],
  [GPIO_IRQ_EDGE_RISING, "rising edge"],
  [GPIO_IRQ_EDGE_FALLING, "falling edge"],
  [GPIO_IRQ_EDGE_BOTH, "both edges"],
  [GPIO_IRQ_LEVEL_HIGH, "level high"],
  [GPIO_IRQ_LEVEL_LOW, "level low"],
])

/** The most bytes that a line shows. Of the others only the number is shown. */
const SHOWN_BYTES = 16

const DESCRIBERS: PerDeviceType<(chain: ChainBytes) => RequestDescription> = {
  i2c,
  gpio: (chain) => (chain.queueIndex === GPIO_EVENT_QUEUE ? gpioInterrupt(chain) : gpio(chain)),
  rng: entropy,
  console: consoleData,
  rtc,
}

/** Describes a chain of a device of type `deviceId`. Never throws. */
export function describeRequest(deviceId: number, chain: ChainBytes): RequestDescription {
  const kind = deviceTypeOf(deviceId)
  return kind ? DESCRIBERS[kind](chain) : any(chain)
}

/** Header {addr le16, padding le16, flags le32}, bytes to write; then bytes read, and a status byte. */
function i2c(chain: ChainBytes): RequestDescription {
  const { readable, writable } = chain
  if (readable.length < I2C_HEADER_SIZE || writable.length < 1) return any(chain)
  const request = new FieldReader(readable)
  const raw = request.u16("i2c_addr", (address) => hex(address >> 1, 2))
  request.u16("i2c_padding")
  const flags = request.u32("i2c_flags", i2cFlags)
  request.data("i2c_write")
  const readLength = writable.length - 1
  const isRead = (flags & I2C_FLAG_M_RD) !== 0
  const isDone = chain.usedLength !== undefined
  const address = `i2c ${hex(raw >> 1, 2)}`
  const what = isRead
    ? `read ${readLength}`
    : readable.length > I2C_HEADER_SIZE
      ? `write ${shownBytes(readable.subarray(I2C_HEADER_SIZE))}`
      : "probe"
  const group = flags & I2C_FLAG_FAIL_NEXT ? ", with the next" : ""
  if (!isDone) return { text: `${address} ${what}${group}`, fields: request.fields }
  const answer = request.followedBy(writable)
  answer.data("i2c_read", readLength)
  const status = answer.u8("i2c_status", (value) =>
    value === I2C_STATUS_OK ? "OK" : value === I2C_STATUS_ERROR ? "ERROR" : "unknown",
  )
  const ok = status === I2C_STATUS_OK
  const data = isRead && ok ? `read ${shownBytes(writable.subarray(0, readLength))}` : what
  return { text: `${address} ${data}${ok ? "" : ": no answer"}`, fields: request.fields, ok }
}

function i2cFlags(flags: number): string {
  const names = [
    ...(flags & I2C_FLAG_FAIL_NEXT ? ["FAIL_NEXT"] : []),
    ...(flags & I2C_FLAG_M_RD ? ["M_RD"] : []),
  ]
  if (flags & ~(I2C_FLAG_FAIL_NEXT | I2C_FLAG_M_RD)) names.push("reserved bits")
  return names.join(" | ")
}

/** Request {type le16, gpio le16, value le32}; response {status u8, value...}. */
function gpio(chain: ChainBytes): RequestDescription {
  const { readable, writable } = chain
  if (readable.length < GPIO_REQUEST_SIZE || writable.length < 1) return any(chain)
  const request = new FieldReader(readable)
  const type = request.u16("gpio_type", (value) => GPIO_TYPES.get(value) ?? "unknown")
  const line = request.u16("gpio_line")
  const value = request.u32("gpio_value", (number) => gpioValue(type, number))
  const name = GPIO_TYPES.get(type) ?? `request ${type}`
  const isSetting = type === GPIO_SET_DIRECTION || type === GPIO_SET_VALUE || type === GPIO_SET_IRQ_TYPE
  const argument = isSetting ? ` ${gpioValue(type, value) || value}` : ""
  const text = type === GPIO_GET_LINE_NAMES ? `gpio ${name}` : `gpio line ${line} ${name}${argument}`
  if (chain.usedLength === undefined) return { text, fields: request.fields }
  const answer = request.followedBy(writable)
  const status = answer.u8("gpio_status", (code) => (code === GPIO_STATUS_OK ? "OK" : "ERROR"))
  const hasValue = type === GPIO_GET_DIRECTION || type === GPIO_GET_VALUE
  const got = hasValue ? answer.u8("gpio_answer", (number) => gpioValue(type, number)) : 0
  if (type === GPIO_GET_LINE_NAMES) answer.data("gpio_names")
  const ok = status === GPIO_STATUS_OK
  const result = ok ? (hasValue ? ` = ${gpioValue(type, got) || got}` : "") : ": refused"
  return { text: `${text}${result}`, fields: request.fields, ok }
}

function gpioValue(type: number, value: number): string {
  if (type === GPIO_GET_DIRECTION || type === GPIO_SET_DIRECTION) return GPIO_DIRECTIONS.get(value) ?? ""
  if (type === GPIO_SET_IRQ_TYPE) return GPIO_IRQ_TYPES.get(value) ?? ""
  return ""
}

/** A buffer for one interrupt of a line: {gpio le16}, then {status u8} when the interrupt came. */
function gpioInterrupt(chain: ChainBytes): RequestDescription {
  const { readable, writable } = chain
  if (readable.length < 2 || writable.length < 1) return any(chain)
  const request = new FieldReader(readable)
  const line = request.u16("gpio_line")
  if (chain.usedLength === undefined)
    return { text: `gpio line ${line} waits for an interrupt`, fields: request.fields }
  const answer = request.followedBy(writable)
  const ok =
    answer.u8("gpio_irq_status", (code) => (code === GPIO_IRQ_STATUS_VALID ? "VALID" : "INVALID")) ===
    GPIO_IRQ_STATUS_VALID
  return {
    text: `gpio line ${line} ${ok ? "interrupt" : "gives its buffer back"}`,
    fields: request.fields,
    ok,
  }
}

function entropy({ writable, usedLength }: ChainBytes): RequestDescription {
  if (usedLength === undefined)
    return { text: `entropy: asks for ${counted(writable.length, "byte")}`, fields: [] }
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
    return { text: `console: a buffer of ${counted(writable.length, "byte")} for input`, fields: [] }
  const input = new FieldReader(writable, 0, usedLength)
  input.data("console_input")
  return {
    text: `console input ${shownText(writable.subarray(0, usedLength))}`,
    fields: input.fields,
    ok: true,
  }
}

const RTC_TYPES = new Map([
  [RTC_READ, "READ"],
  [RTC_CFG, "CFG"],
  [RTC_CLOCK_CAP, "CLOCK_CAP"],
])

/** Request {type le16, reserved, clock le16, reserved}; response {status u8, reserved, eight bytes by type}. */
function rtc(chain: ChainBytes): RequestDescription {
  const { readable, writable } = chain
  if (readable.length < RTC_HEADER_SIZE || writable.length < RTC_RESPONSE_SIZE) return any(chain)
  const request = new FieldReader(readable)
  const type = request.u16("rtc_type", (value) => RTC_TYPES.get(value) ?? "unknown")
  request.data("rtc_reserved", RTC_HEADER_SIZE - 2)
  const clock = readable.length < RTC_REQUEST_SIZE ? undefined : request.u16("rtc_clock")
  const text = `rtc ${RTC_TYPES.get(type) ?? `request ${type}`}${clock === undefined ? "" : ` of clock ${clock}`}`
  if (chain.usedLength === undefined) return { text, fields: request.fields }
  const answer = request.followedBy(writable)
  const ok =
    answer.u8("rtc_status", (value) => (value === RTC_STATUS_OK ? "OK" : "refused")) === RTC_STATUS_OK
  answer.data("rtc_reserved", RTC_HEADER_SIZE - 1)
  answer.data("rtc_answer")
  const value = new DataView(writable.buffer, writable.byteOffset, writable.length)
  const got =
    type === RTC_READ ? value.getBigUint64(RTC_HEADER_SIZE, true) : value.getUint16(RTC_HEADER_SIZE, true)
  return { text: `${text}${ok ? ` = ${got}` : ": refused"}`, fields: request.fields, ok }
}

function any({ readable, writable, usedLength }: ChainBytes): RequestDescription {
  const request = new FieldReader(readable)
  request.data("readable")
  const sizes = `${counted(readable.length, "byte")} to read, ${writable.length} to write`
  if (usedLength === undefined) return { text: sizes, fields: request.fields }
  request.followedBy(writable, usedLength).data("writable")
  return { text: `${sizes}: ${usedLength} written`, fields: request.fields }
}

function shownBytes(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, SHOWN_BYTES), (byte) => hexDigits(byte, 2))
  const rest = bytes.length - shown.length
  return `${shown.join(" ")}${rest > 0 ? ` and ${rest} more` : ""}`
}

function shownText(bytes: Uint8Array): string {
  return visibleText(JSON.stringify(String.fromCharCode(...bytes)))
}
