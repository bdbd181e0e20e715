// What the command returns to its shell; documented in README.md.

import type { ErrorCode } from "../errors.js"

export const EXIT_OK = 0
/** The operation failed: a chip did not answer, the device failed, time ran out. */
export const EXIT_FAILED = 1
/** The command line is wrong. */
export const EXIT_USAGE = 2
/** There is no such board, or it cannot be reached. */
export const EXIT_NO_BOARD = 3
/** Something that the command needs is not installed, or is another version. */
export const EXIT_SETUP = 4

/** What each says, for help texts. */
export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT_OK, "done"],
  [EXIT_FAILED, "the operation failed"],
  [EXIT_USAGE, "wrong command line"],
  [EXIT_NO_BOARD, "no board"],
  [EXIT_SETUP, "something is not installed"],
]

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: EXIT_USAGE,
  NOT_FOUND: EXIT_NO_BOARD,
  CONNECT_FAILED: EXIT_NO_BOARD,
  LINK_CLOSED: EXIT_NO_BOARD,
  MISSING_DEPENDENCY: EXIT_SETUP,
  VERSION_MISMATCH: EXIT_SETUP,
}

export function exitCodeOf(code: ErrorCode): number {
  return BY_CODE[code] ?? EXIT_FAILED
}
