// `virtio-msg trace -- COMMAND` and `dashboard -- COMMAND`: what stands behind -- belongs to the command that is traced,
// whatever it looks like. Behind trace, the name of a command does as well: trace i2c get 0x54 14.

/** Commands that watch the one behind --. */
const WATCHING = ["trace", "dashboard"]
/** Options in front of the subcommand that take a value of their own. */
const WITH_VALUE = ["-p", "--port", "--trace"]
/** Options of trace that take a value of their own. */
const TRACE_WITH_VALUE = [...WITH_VALUE, "-d", "--device", "-m", "--message", "-w", "--write"]

export interface SplitWords {
  readonly own: string[]
  /** The words of the command to trace; undefined when there is none. */
  readonly traced: string[] | undefined
}

/** Takes the traced command off a command line; any other command line stays as it is. `names`: of all commands. */
export function splitTraced(words: readonly string[], names: readonly string[]): SplitWords {
  const end = words.indexOf("--")
  const before = end < 0 ? words : words.slice(0, end)
  const at = firstWord(before, 0, WITH_VALUE)
  const watching = before[at] ?? ""
  if (watching === "trace") {
    const first = firstWord(before, at + 1, TRACE_WITH_VALUE)
    if (names.includes(before[first] ?? "")) return { own: words.slice(0, first), traced: words.slice(first) }
  }
  if (end < 0 || !WATCHING.includes(watching)) return { own: [...words], traced: undefined }
  return { own: words.slice(0, end), traced: words.slice(end + 1) }
}

/** Where from `start` on a word stands that is neither an option nor an option's value; behind the last if none is. */
function firstWord(words: readonly string[], start: number, withValue: readonly string[]): number {
  let at = start
  while (at < words.length && words[at]?.startsWith("-"))
    at += withValue.includes(words[at] as string) ? 2 : 1
  return at
}
