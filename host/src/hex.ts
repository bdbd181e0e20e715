// Numbers and bytes in hexadecimal, as people read them.

/** `0x1f`: a number from 0 on, with at least so many digits. */
export function hex(value: number | bigint, digits = 1): string {
  return `0x${hexDigits(value, digits)}`
}

/** The same without 0x in front. */
export function hexDigits(value: number | bigint, digits = 1): string {
  return value.toString(16).padStart(digits, "0")
}

/** `DATA | CONNECT`: the names of the bits that are set, and what has no name in hexadecimal. */
export function bitNames(value: number, names: readonly (readonly [bit: number, name: string])[]): string {
  const set = names.filter(([bit]) => value & bit)
  const rest = set.reduce((left, [bit]) => left & ~bit, value) >>> 0
  return [...set.map(([, name]) => name), ...(rest ? [hex(rest)] : [])].join(" | ")
}

/** Two digits for each byte, with `separator` between them. */
export function hexBytes(bytes: ArrayLike<number>, separator = ""): string {
  let text = ""
  for (let at = 0; at < bytes.length; at++)
    text += (at > 0 ? separator : "") + (BYTE_DIGITS[bytes[at] as number] as string)
  return text
}

/** Each frame that arrives has an id to be written in digits: they are looked up. */
const BYTE_DIGITS: readonly string[] = Array.from({ length: 256 }, (_, byte) => hexDigits(byte, 2))
