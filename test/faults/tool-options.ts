// What the soak's and the fuzzer's command lines share: numbers in options, and how a wrong one ends (exit code 2).

/** The command line is wrong: its message is for the person who typed it. */
export class UsageError extends Error {}

/** The number that an option's text says, of `least` to `most`. Throws UsageError. */
export function numberOf(option: string, text: string, least: number, most = Number.MAX_VALUE): number {
  const value = Number(text)
  if (Number.isFinite(value) && value >= least && value <= most && text.trim() !== "") return value
  const range = most === Number.MAX_VALUE ? `a number from ${least}` : `a number from ${least} to ${most}`
  throw new UsageError(`${option} takes ${range}, not "${text}".`)
}

/** As `numberOf`, of whole numbers. */
export function wholeNumberOf(option: string, text: string, least: number, most: number): number {
  const value = numberOf(option, text, least, most)
  if (Number.isInteger(value)) return value
  throw new UsageError(`${option} takes a whole number, not "${text}".`)
}

/** Runs `npm run SCRIPT`'s program, whose result is the exit code. */
export async function runTool(script: string, main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main()
  } catch (error) {
    const isUsage =
      error instanceof UsageError || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS")
    if (!isUsage) throw error
    console.error(`error: ${(error as Error).message}\nhint: npm run ${script} -- --help`)
    process.exitCode = 2
  }
}
