// Bytes as both worlds have them: a Uint8Array in Node and in the browser, a Buffer in DeviceScript.
// All numbers on the wire are little-endian (virtio-msg "Endianness", V21, D13).

/** A run of bytes that can be read and written one at a time. */
export interface ByteBuf {
  readonly length: number
  [index: number]: number
}

/** Bytes that this side owns: they can also be copied into and filled at native speed. */
export interface OwnedBytes extends ByteBuf {
  /** Copies `length` bytes of `source` from `sourceOffset` to `targetOffset`; the two must not overlap. */
  blitAt(targetOffset: number, source: ByteBuf, sourceOffset: number, length: number): void
  /** Stores `value` in `length` bytes from `offset`. */
  fillAt(offset: number, length: number, value: number): void
}

/** Makes `length` bytes of value 0: `Buffer.alloc` in DeviceScript, `allocateBytes` of the host in Node. */
export type Allocator = (length: number) => OwnedBytes

/**
 * The 16-bit number at `offset`.
 *
 * @example
 * ```ts
 * import { getU16 } from "virtio-msg/protocol"
 *
 * console.log(getU16(Uint8Array.of(0x34, 0x12), 0)) // 4660
 * ```
 */
export function getU16(bytes: ByteBuf, offset: number): number {
  return bytes[offset] | (bytes[offset + 1] << 8)
}

/** Stores the 16-bit `value` at `offset`. */
export function putU16(bytes: ByteBuf, offset: number, value: number): void {
  bytes[offset] = value & 0xff
  bytes[offset + 1] = (value >> 8) & 0xff
}

/** The unsigned 32-bit number at `offset`. */
export function getU32(bytes: ByteBuf, offset: number): number {
  return (
    (bytes[offset] | (bytes[offset + 1] << 8) | (bytes[offset + 2] << 16) | (bytes[offset + 3] << 24)) >>> 0
  )
}

/** Stores the unsigned 32-bit `value` at `offset`. */
export function putU32(bytes: ByteBuf, offset: number, value: number): void {
  bytes[offset] = value & 0xff
  bytes[offset + 1] = (value >>> 8) & 0xff
  bytes[offset + 2] = (value >>> 16) & 0xff
  bytes[offset + 3] = (value >>> 24) & 0xff
}

/** Copies `length` bytes one at a time, for messages that are short and rare. */
export function copyBytes(
  target: ByteBuf,
  targetOffset: number,
  source: ByteBuf,
  sourceOffset: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) target[targetOffset + i] = source[sourceOffset + i]
}
