// Command lines as people type them: finds their words, and writes them out again.

/** Options before the subcommand that take a value. */
export const GLOBAL_WITH_VALUE = ["-p", "--port", "--trace", "--color"]

/**
 * The place, from `start` on, of the first word that is neither an option nor an option's value. Behind the last word
 * if there is none.
 */
export function firstWord(words: readonly string[], start: number, withValue: readonly string[]): number {
  let at = start
  while (at < words.length && words[at]?.startsWith("-"))
    at += withValue.includes(words[at] as string) ? 2 : 1
  return at
}

/** For commander: an option that is a list with commas, and that may also be repeated. */
export function collectList(list: string, before: readonly string[] = []): string[] {
  return [...before, ...list.split(",")]
}

export function withPort(words: readonly string[], port: string): string[] {
  const isPort = (word: string | undefined) => word === "-p" || word === "--port"
  const others = words.filter(
    (word, at) => !isPort(word) && !isPort(words[at - 1]) && !/^(--port=|-p.)/.test(word),
  )
  return ["--port", port, ...others]
}

/** As it is typed into a shell, with our name in front. */
export function typedLine(words: readonly string[]): string {
  return ["virtio-msg", ...words].map(shellWord).join(" ")
}

/** As one word of a shell. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
