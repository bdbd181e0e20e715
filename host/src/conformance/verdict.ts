// How a check ends, and the words by which it says so.

export type Status = "pass" | "fail" | "blocked" | "skipped" | "not observable"

/** How a check ends that does not pass. */
export class Verdict extends Error {
  readonly status: Exclude<Status, "pass" | "not observable">

  constructor(status: Exclude<Status, "pass" | "not observable">, message: string) {
    super(message)
    this.status = status
  }
}

/** The row is violated. */
export function fail(what: string): never {
  throw new Verdict("fail", what)
}

/** The row says nothing about this peer: it lacks what the row is about. */
export function skip(why: string): never {
  throw new Verdict("skipped", why)
}

/** The row cannot be judged, because something before it went wrong, which another row reports. */
export function blocked(why: string): never {
  throw new Verdict("blocked", why)
}

/** Fails the row unless `isRight`. */
export function expect(isRight: boolean, what: string | (() => string)): void {
  if (!isRight) fail(typeof what === "string" ? what : what())
}

/** A number as the specification writes it. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`
}
