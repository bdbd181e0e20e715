// How a check ends, and the functions that end it.

export type Status = "pass" | "fail" | "blocked" | "skipped" | "not observable"

/** How a check ends that does not pass. */
export class Verdict extends Error {
  readonly status: Exclude<Status, "pass" | "not observable">

  constructor(status: Exclude<Status, "pass" | "not observable">, message: string) {
    super(message)
    this.status = status
  }
}

/** For what only a check that goes on can tell: a verdict is not looked at here. Throws anything else. */
export function unlessVerdict(error: unknown): undefined {
  if (!(error instanceof Verdict)) throw error
  return undefined
}

/** The row is violated. */
export function fail(what: string): never {
  throw new Verdict("fail", what)
}

/** The row does not concern this peer, which lacks what the row is about. */
export function skip(why: string): never {
  throw new Verdict("skipped", why)
}

/** The row cannot be judged, because something before it went wrong. Another row reports that. */
export function blocked(why: string): never {
  throw new Verdict("blocked", why)
}

/** Fails the row unless `isRight`. */
export function expect(isRight: boolean, what: string | (() => string)): void {
  if (!isRight) fail(typeof what === "string" ? what : what())
}
