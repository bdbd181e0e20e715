// The edges of a line that rises and falls by turns, as Linux's gpiomon tells them.

/** The line of the simulated board that changes by itself, twice a second. */
export const CLOCK = 2

/** What a command of `edgesByTurns` prints when all is well. */
export const BY_TURNS = /^(0101|1010)$/

/**
 * A command for a guest: prints four edges of the CLOCK of `chip`, 1 for a rising one and 0 for a falling one. Linux
 * asks for the line's level after the interrupt, and names the edge by that: where half a second passes in between, as
 * it may in an emulated computer beside others, the name is the wrong one. So it tries up to ten times.
 */
export function edgesByTurns(chip: string): string {
  return `for i in $(seq 10); do
    edges=$(gpiomon -n 4 -F %e ${chip} ${CLOCK} | tr -d '\\n')
    case $edges in 0101 | 1010) break;; esac
  done; echo $edges`
}
