// Checks what callers pass to drivers. A wrong value is refused, with its range, before anything is queued.

import { invalidArgument } from "../errors.js"

/** Throws INVALID_ARGUMENT unless `value` is an integer from `least` to `most`; `what` begins the sentence. */
export function checkInteger(what: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`
  throw invalidArgument(`${what} is an integer ${range}, not ${shown(value)}.`)
}

/**
 * A copy of `data`, so that the caller may change its own bytes at once. Throws INVALID_ARGUMENT for what is no array
 * of bytes.
 */
export function copyBytes(data: ArrayLike<number>): Uint8Array {
  if (data instanceof Uint8Array) return new Uint8Array(data)
  if (typeof data !== "object" || data === null || typeof data.length !== "number")
    throw invalidArgument(`Bytes are an array of integers from 0 to 255, not ${shown(data)}.`)
  const bytes = new Uint8Array(data.length)
  for (let at = 0; at < data.length; at++) {
    checkInteger(`Byte ${at}`, data[at] as number, 0, 0xff)
    bytes[at] = data[at] as number
  }
  return bytes
}

/** Throws INVALID_ARGUMENT unless `value` is one of `choices`. */
export function checkChoice<T extends string>(what: string, value: T, choices: readonly T[]): void {
  if (!choices.includes(value))
    throw invalidArgument(`${what} is ${choices.join(" or ")}, not ${shown(value)}.`)
}

/** Text in quotes, so that "5" and 5 look different. */
function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value)
}
