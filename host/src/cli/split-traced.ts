// `virtio-msg trace -- COMMAND` and `dashboard -- COMMAND`: what stands behind -- belongs to the command that is traced, whatever it looks like.

/** Commands that watch the one behind --. */
const WATCHING = ["trace", "dashboard"]
/** Options in front of the subcommand that take a value of their own. */
const WITH_VALUE = ["-p", "--port", "--trace"]

export interface SplitWords {
  readonly own: string[]
  /** The words of the command to trace; undefined when there is none. */
  readonly traced: string[] | undefined
}

/** Takes the traced command off a command line; any other command line stays as it is. */
export function splitTraced(words: readonly string[]): SplitWords {
  const end = words.indexOf("--")
  if (end < 0 || !WATCHING.includes(subcommandOf(words.slice(0, end)) ?? ""))
    return { own: [...words], traced: undefined }
  return { own: words.slice(0, end), traced: words.slice(end + 1) }
}

function subcommandOf(words: readonly string[]): string | undefined {
  return words.find((word, at) => !word.startsWith("-") && !WITH_VALUE.includes(words[at - 1] ?? ""))
}
