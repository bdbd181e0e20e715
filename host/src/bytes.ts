// Owned bytes for Node and the browser: a Uint8Array with the two native copies that DeviceScript's Buffer has.

import type { ByteBuf, OwnedBytes } from "../../shared-protocol/src/bytes.js"

/** A Uint8Array that shared-protocol code may own. */
export class HostBytes extends Uint8Array implements OwnedBytes {
  blitAt(targetOffset: number, source: ByteBuf, sourceOffset: number, length: number): void {
    const bytes = source as Uint8Array
    this.set(bytes.subarray(sourceOffset, sourceOffset + length), targetOffset)
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
