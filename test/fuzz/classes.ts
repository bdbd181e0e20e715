// Which classes of hostility the cases of a target reached, and how often: a generator that aims badly shows.

/** A reason that our code gave, as a class: the first of `patterns` that it matches. */
export type ClassPatterns = Readonly<Record<string, RegExp>>

export class ClassCounts {
  readonly #counts = new Map<string, number>()

  constructor(names: readonly string[]) {
    for (const name of names) this.#counts.set(name, 0)
  }

  /** Notes that a case reached this class. */
  note(name: string): void {
    const count = this.#counts.get(name)
    if (count === undefined) throw new Error(`there is no class "${name}"`)
    this.#counts.set(name, count + 1)
  }

  /** Notes the class of a reason; one that no pattern knows is none. */
  noteReason(reason: string, patterns: ClassPatterns): void {
    for (const [name, pattern] of Object.entries(patterns))
      if (pattern.test(reason)) {
        this.note(name)
        return
      }
  }

  /** Begins at 0. */
  reset(): void {
    for (const name of this.#counts.keys()) this.#counts.set(name, 0)
  }

  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts)
  }
}
