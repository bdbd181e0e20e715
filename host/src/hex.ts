// Numbers and bytes in hexadecimal, as people read them.

/** `0x1f`: a number from 0 on, with at least so many digits. */
export function hex(value: number | bigint, digits = 1): string {
  return `0x${hexDigits(value, digits)}`
}

/** The same without 0x in front. */
export function hexDigits(value: number | bigint, digits = 1): string {
  return value.toString(16).padStart(digits, "0")
}

/** Two digits for each byte, with `separator` between them. */
export function hexBytes(bytes: ArrayLike<number>, separator = ""): string {
  return Array.from(bytes, (byte) => hexDigits(byte, 2)).join(separator)
}
