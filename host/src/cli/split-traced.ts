// `virtio-msg trace -- COMMAND` and `dashboard -- COMMAND`: everything behind -- belongs to the traced command. With
// trace, the name of a command does as well as --: trace i2c get 0x54 14.

import { firstWord, GLOBAL_WITH_VALUE } from "./command-line.js"
import { COMMANDS } from "./commands.js"
import { FOREIGN_TOOLS } from "./foreign-tools.js"

/** Commands that watch the one behind --. */
const WATCHING = ["trace", "dashboard"]
/** Options of trace that take a value of their own. */
const TRACE_WITH_VALUE = [
  ...GLOBAL_WITH_VALUE,
  "-d",
  "--device",
  "-m",
  "--message",
  "-w",
  "--write",
  "--from",
  "--to",
]

/** The words that begin a command behind trace, without -- before them. */
const NAMES = [...COMMANDS.map(({ name }) => name), ...Object.keys(FOREIGN_TOOLS)]

/** Takes the traced command off a command line: `traced` is undefined when there is none. */
export function splitTraced(words: readonly string[]): { own: string[]; traced: string[] | undefined } {
  const end = words.indexOf("--")
  const before = end < 0 ? words : words.slice(0, end)
  const at = firstWord(before, 0, GLOBAL_WITH_VALUE)
  const watching = before[at] ?? ""
  if (watching === "trace") {
    const first = firstWord(before, at + 1, TRACE_WITH_VALUE)
    if (NAMES.includes(before[first] ?? "")) return { own: words.slice(0, first), traced: words.slice(first) }
  }
  if (end < 0 || !WATCHING.includes(watching)) return { own: [...words], traced: undefined }
  return { own: words.slice(0, end), traced: words.slice(end + 1) }
}
