// One field of something that crossed the link: what the trace, --json, the page, captures and failure reports show.

import { getU16, getU32 } from "../../../shared-protocol/src/bytes.js"
import { hexBytes, hexDigits } from "../hex.js"

/** A field as it stands in the bytes, and what it means. */
export interface Field {
  /** The specification's name: "num_feature_blocks". A list is one field for each element, of the same name. */
  readonly name: string
  /** A number of up to 32 bits; "0x..." with 16 digits for 64 bits; hexadecimal digits for bytes; or text. */
  readonly value: number | string
  /** The value in words, if there are words for it: "ACKNOWLEDGE | DRIVER". */
  readonly meaning?: string
  /** The first byte, counted from the start of what the field belongs to: a frame, a descriptor, a request. */
  readonly offset: number
  /** Bytes. */
  readonly length: number
}

/** Says in words what a number means. "" when there is nothing to say. */
export type Meaning = (value: number) => string

/** Reads fields one after another. Never throws: what would be behind the end of the bytes is left out. */
export class FieldReader {
  fields: Field[] = []
  readonly bytes: Uint8Array
  /** Where the next field begins. */
  at: number
  /** The end of the bytes that may be read. */
  readonly end: number
  /** How many bytes come before these. */
  #before = 0

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = Math.min(end, bytes.length)
  }

  /** A reader of bytes that follow on these: its fields join these, and their offsets go on behind them. */
  followedBy(bytes: Uint8Array, end?: number): FieldReader {
    const next = new FieldReader(bytes, 0, end)
    next.fields = this.fields
    next.#before = this.#before + this.bytes.length
    return next
  }

  /** How many bytes are left. */
  get left(): number {
    return Math.max(0, this.end - this.at)
  }

  u8(name: string, meaning?: Meaning): number {
    return this.#number(name, 1, meaning, () => this.bytes[this.at] as number)
  }

  u16(name: string, meaning?: Meaning): number {
    return this.#number(name, 2, meaning, () => getU16(this.bytes, this.at))
  }

  u32(name: string, meaning?: Meaning): number {
    return this.#number(name, 4, meaning, () => getU32(this.bytes, this.at))
  }

  /** 64 bits, shown in hexadecimal. */
  u64(name: string, meaning?: (low: number, high: number) => string): void {
    if (this.left < 8) return
    const low = getU32(this.bytes, this.at)
    const high = getU32(this.bytes, this.at + 4)
    this.#add(name, `0x${hexDigits(high, 8)}${hexDigits(low, 8)}`, meaning?.(low, high) ?? "", 8)
  }

  /** `length` bytes, or as many as there are. */
  data(name: string, length = this.left): void {
    const present = Math.min(length, this.left)
    if (present > 0) this.#add(name, hexBytes(this.bytes.subarray(this.at, this.at + present)), "", present)
  }

  /** Zero-padded ASCII in `length` bytes. */
  text(name: string, length: number): void {
    if (this.left < length) return
    const characters = this.bytes.subarray(this.at, this.at + length)
    const end = characters.indexOf(0)
    const shown = String.fromCharCode(...characters.subarray(0, end < 0 ? length : end))
    this.#add(name, shown.replace(/[^ -~]/g, "?"), "", length)
  }

  /** Bytes that are a number with several parts, such as a version. */
  parts(name: string, length: number, meaning: (bytes: Uint8Array) => string): void {
    if (this.left < length) return
    const bytes = this.bytes.subarray(this.at, this.at + length)
    this.#add(name, hexBytes(bytes), meaning(bytes), length)
  }

  #number(name: string, length: number, meaning: Meaning | undefined, read: () => number): number {
    if (this.left < length) return 0
    const value = read()
    this.#add(name, value, meaning?.(value) ?? "", length)
    return value
  }

  #add(name: string, value: number | string, meaning: string, length: number): void {
    this.fields.push({ name, value, ...(meaning ? { meaning } : {}), offset: this.#before + this.at, length })
    this.at += length
  }
}
