// Types the lines of the transcript into a shell, and says what did not come as it should.

import { type Line, NEVER } from "./transcript.js"

export interface Typed {
  readonly code: number | null
  /** Standard output and errors, in the order in which they came. */
  readonly output: string
}

/** Runs a command of bash's to its end, and ends whatever it left behind. */
export type Shell = (command: string) => Promise<Typed>

/** What is wrong with what came of a line; empty when it is as it should be. */
export async function faultsOf(line: Line, shell: Shell): Promise<string[]> {
  const { code, output } = await shell(line.typed)
  const faults = [
    ...(code === line.code ? [] : [`exit code ${code} instead of ${line.code}`]),
    ...(line.says ?? []).filter((text) => !text.test(output)).map((text) => `${text} is missing`),
    ...[...NEVER, ...(line.never ?? [])]
      .filter((text) => text.test(output))
      .map((text) => `${text} is there`),
  ]
  return faults.length === 0 ? [] : [`$ ${line.typed}`, ...faults, output]
}
