// Times on a command line that are seconds where no unit stands behind them.

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }

/** A number, with ms, s or m behind it or without, in milliseconds; undefined for anything else. */
export function parseSeconds(text: string): number | undefined {
  const [, number, unit = "s"] = /^(\d+\.?\d*|\.\d+)(ms|s|m)?$/.exec(text) ?? []
  return number === undefined ? undefined : Number(number) * (UNITS_MS[unit] as number)
}
