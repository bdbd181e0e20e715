// Owned bytes for Node and the browser: a Uint8Array with the two native copies that DeviceScript's Buffer has.

import type { ByteBuf, OwnedBytes } from "../../shared-protocol/src/bytes.js"

/** Up to so many bytes, which is more than a packet has, are copied one by one. */
const FEW_BYTES = 256

/** A Uint8Array that shared-protocol code may own. */
export class HostBytes extends Uint8Array implements OwnedBytes {
  blitAt(targetOffset: number, source: ByteBuf, sourceOffset: number, length: number): void {
    // the native copy needs a view of the source, and to make a view takes longer than to copy few bytes
    if (length <= FEW_BYTES)
      for (let at = 0; at < length; at++) this[targetOffset + at] = source[sourceOffset + at] as number
    else this.set((source as Uint8Array).subarray(sourceOffset, sourceOffset + length), targetOffset)
  }

  fillAt(offset: number, length: number, value: number): void {
    this.fill(value, offset, offset + length)
  }
}

/**
 * Makes `length` zero bytes.
 *
 * @example
 * ```ts
 * import { allocateBytes } from "virtio-msg"
 * import { putU16 } from "virtio-msg/protocol"
 *
 * const bytes = allocateBytes(2)
 * putU16(bytes, 0, 0x1234)
 * console.log(bytes[0] === 0x34) // true
 * ```
 */
export function allocateBytes(length: number): HostBytes {
  return new HostBytes(length)
}

/** A copy of `length` bytes from `offset`. */
export function copyOf(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  const copy = new Uint8Array(length)
  if (length > FEW_BYTES)
    copy.set(bytes.subarray(offset, offset + length)) // as in blitAt
  else for (let at = 0; at < length; at++) copy[at] = bytes[offset + at] as number
  return copy
}

/** The parts, one behind the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** A copy that shared-protocol code may own. */
export function ownedCopyOf(bytes: ArrayLike<number>): HostBytes {
  const copy = allocateBytes(bytes.length)
  copy.set(bytes)
  return copy
}
