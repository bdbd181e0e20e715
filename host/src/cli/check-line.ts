// Finds out whether a command line would be accepted. It is parsed as far as possible without doing anything.

import { CommanderError } from "commander"
import { VirtioMsgError } from "../errors.js"
import { LineAccepted } from "./context.js"
import { makeProgram } from "./program.js"
import { splitTraced } from "./split-traced.js"

/** Commands that check all their words before they open the bus, and do nothing else before that. */
const LOOK_FIRST = ["i2c", "gpio", "sensor", "rng"]

/**
 * What is wrong with a command line. Undefined when nothing is. A command behind `trace` or `dashboard` is checked,
 * too.
 */
export async function findFault(words: readonly string[]): Promise<string | undefined> {
  const { own, traced } = splitTraced(words)
  return (await findOwnFault(own)) ?? (traced && (await findOwnFault(traced)))
}

async function findOwnFault(words: readonly string[]): Promise<string | undefined> {
  let said = ""
  const program = makeProgram({
    writeErr: (text) => {
      said += text
    },
    writeOut: () => {},
    run: async () => 0,
    beforeAction(chosen) {
      let top = chosen
      while (top.parent?.parent) top = top.parent
      if (!LOOK_FIRST.includes(top.name())) throw new LineAccepted()
    },
  })
  program.setOptionValue("isOnlyChecked", true)
  try {
    await program.parseAsync(words, { from: "user" })
  } catch (error) {
    if (error instanceof LineAccepted) return undefined
    if (error instanceof CommanderError) return error.exitCode === 0 ? undefined : said || error.message
    if (error instanceof VirtioMsgError) return error.message
    throw error
  }
  return undefined
}
