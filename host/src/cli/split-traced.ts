// `virtio-msg trace -- COMMAND`: what stands behind -- belongs to the command that is traced, whatever it looks like.

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
  if (end < 0 || subcommandOf(words.slice(0, end)) !== "trace") return { own: [...words], traced: undefined }
  return { own: words.slice(0, end), traced: words.slice(end + 1) }
}

function subcommandOf(words: readonly string[]): string | undefined {
  return words.find((word, at) => !word.startsWith("-") && !WITH_VALUE.includes(words[at - 1] ?? ""))
}
