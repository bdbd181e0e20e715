// Bytes as unforgiving as DeviceScript's Buffer and a little more: an index out of range, a value that is no byte and
// an overlapping blitAt throw, where a Uint8Array would be silent.

import type { ByteBuf, OwnedBytes } from "../../shared-protocol/src/bytes.js"

export function strictBytes(length: number): OwnedBytes {
  const cells = new Uint8Array(length)
  const checkRange = (offset: number, count: number): void => {
    const isInside = Number.isInteger(offset) && Number.isInteger(count) && offset >= 0 && count >= 0
    if (!isInside || offset + count > length) throw new RangeError(`${offset} + ${count} of ${length} bytes`)
  }
  const bytes: OwnedBytes = new Proxy<OwnedBytes>(
    {
      length,
      blitAt(targetOffset: number, source: ByteBuf, sourceOffset: number, count: number): void {
        checkRange(targetOffset, count)
        const isOverlapping = source === bytes && Math.abs(targetOffset - sourceOffset) < count
        if (isOverlapping) throw new RangeError(`blitAt ${sourceOffset} to ${targetOffset}: ${count} overlap`)
        for (let i = 0; i < count; i++) cells[targetOffset + i] = checkByte(source[sourceOffset + i])
      },
      fillAt(offset: number, count: number, value: number): void {
        checkRange(offset, count)
        cells.fill(checkByte(value), offset, offset + count)
      },
    },
    {
      get(target, key) {
        if (typeof key !== "string" || !/^[-\d]/.test(key)) return Reflect.get(target, key)
        checkRange(Number(key), 1)
        return cells[Number(key)]
      },
      set(_target, key, value) {
        checkRange(Number(key), 1)
        cells[Number(key)] = checkByte(value)
        return true
      },
    },
  )
  return bytes
}

function checkByte(value: unknown): number {
  if (typeof value !== "number" || value !== (value & 0xff)) throw new RangeError(`${value} is no byte`)
  return value
}

/** Strict bytes with these values. */
export function bytesOf(...values: number[]): OwnedBytes {
  const bytes = strictBytes(values.length)
  for (const [i, value] of values.entries()) bytes[i] = value
  return bytes
}

/** `length` values of `bytes` from `offset`. */
export function valuesOf(bytes: ByteBuf, offset: number, length: number): number[] {
  return Array.from({ length }, (_, i) => bytes[offset + i] as number)
}

/** The characters of `text` as bytes. */
export function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0))
}
