// What sentences are made of: a number with the noun that it counts, and their first letter.

/** "1 byte", "2 bytes". `plural` is for a noun whose plural is not the noun with an s. */
export function counted(count: number | bigint | string, noun: string, plural = `${noun}s`): string {
  return `${count} ${String(count) === "1" ? noun : plural}`
}

export function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
