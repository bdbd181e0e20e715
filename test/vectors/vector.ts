// What a golden vector is, and the few functions that run one. Written in the subset of TypeScript that DeviceScript
// compiles: the same files run in vitest and in the virtual machine.

import type { Allocator, ByteBuf, OwnedBytes } from "../../shared-protocol/src/bytes.js"

/** A message whose bytes were written by hand from the specification's layout. */
export interface MessageVector {
  readonly name: string
  /** Hexadecimal digits; spaces separate fields and mean nothing. */
  readonly hex: readonly string[]
  /** Encodes the message with our encoder; returns its size. */
  readonly encode: (frame: ByteBuf) => number
  /** Decodes the message with our decoder; "" or what is wrong with the result. */
  readonly check: (frame: ByteBuf) => string
}

/** A mailbox packet whose bytes were written by hand from docs/bus.md's layout. */
export interface PacketVector {
  readonly name: string
  readonly hex: readonly string[]
  readonly pack: (alloc: Allocator) => ByteBuf
  /** Unpacks the packet; "" or what is wrong with the result. */
  readonly check: (packet: ByteBuf, alloc: Allocator) => string
}

/** Bytes that must be refused, and why. */
export interface RefusedVector {
  readonly name: string
  readonly hex: readonly string[]
  /** The reason that our decoder gives. */
  readonly refuse: (frame: ByteBuf) => string
  readonly reason: string
}

/** Room for the largest message. */
const FRAME_SIZE = 256

/** "" when the two numbers are equal, else a text that says how they differ. */
export function same(what: string, got: number, wanted: number): string {
  return got === wanted ? "" : ` ${what} ${got} instead of ${wanted};`
}

/** "" when `length` bytes from `offset` have the given hexadecimal digits. */
export function sameBytes(what: string, got: ByteBuf, offset: number, length: number, hex: string): string {
  const text = toText(got, offset, length)
  return text === hex ? "" : ` ${what} ${text} instead of ${hex};`
}

/** The bytes that `hex` stands for. */
export function parseHex(hex: readonly string[], alloc: Allocator): OwnedBytes {
  const values: number[] = []
  let high = -1
  for (let i = 0; i < hex.length; i++) {
    const text = hex[i]
    for (let j = 0; j < text.length; j++) {
      const code = text.charCodeAt(j)
      if (code === 0x20) continue
      const digit = code >= 0x61 ? code - 0x57 : code - 0x30
      if (high < 0) high = digit
      else {
        values.push(high * 16 + digit)
        high = -1
      }
    }
  }
  const bytes = alloc(values.length)
  for (let i = 0; i < values.length; i++) bytes[i] = values[i]
  return bytes
}

/** `length` bytes from `offset` as hexadecimal digits. */
export function toText(bytes: ByteBuf, offset: number, length: number): string {
  const digits = "0123456789abcdef"
  let text = ""
  for (let i = offset; i < offset + length; i++) text = text + digits[bytes[i] >> 4] + digits[bytes[i] & 15]
  return text
}

/** "" or how our encoder or decoder departs from the vector. */
export function runMessageVector(vector: MessageVector, alloc: Allocator): string {
  const wanted = parseHex(vector.hex, alloc)
  const frame = alloc(FRAME_SIZE)
  // the encoder must write every byte of the message, zeros too
  frame.fillAt(0, FRAME_SIZE, 0xee)
  const size = vector.encode(frame)
  return (
    same("size", size, wanted.length) +
    sameBytes("encoded", frame, 0, size, toText(wanted, 0, wanted.length)) +
    sameBytes("behind the message", frame, size, 1, "ee") +
    vector.check(wanted)
  )
}

/** "" or how our mailbox departs from the vector. */
export function runPacketVector(vector: PacketVector, alloc: Allocator): string {
  const wanted = parseHex(vector.hex, alloc)
  const packet = vector.pack(alloc)
  return (
    sameBytes("packed", packet, 0, packet.length, toText(wanted, 0, wanted.length)) +
    vector.check(wanted, alloc)
  )
}

/** "" or what was said instead of the vector's reason. */
export function runRefusedVector(vector: RefusedVector, alloc: Allocator): string {
  const reason = vector.refuse(parseHex(vector.hex, alloc))
  return reason === vector.reason ? "" : ` "${reason}" instead of "${vector.reason}"`
}
