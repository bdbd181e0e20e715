// What can be fuzzed: where its random cases come from, how one is run, and how one is kept in a file.

import type fc from "fast-check"
import type { ClassCounts } from "./classes.js"

export interface FuzzTarget<T = unknown> {
  /** As on the command line, and the name of its folder in the corpus. */
  readonly name: string
  /** One line: what is given to what. */
  readonly about: string
  readonly cases: fc.Arbitrary<T>
  /** Where it is noted what the cases reach. */
  readonly classes?: ClassCounts
  /** Runs a case; throws, or rejects with, what is wrong. */
  run(value: T): void | Promise<void>
  /** A case as something that JSON can hold, apart from bytes, and back. */
  save(value: T): unknown
  load(saved: unknown): T
}

/** Forgets the type of the cases, to make lists of targets. */
export function anyTarget<T>(target: FuzzTarget<T>): FuzzTarget {
  return target as unknown as FuzzTarget
}

/** The commands of a sequence that fast-check made, which wraps each, or of one that was loaded, without the unused. */
export function commandsOf<C extends object>(sequence: Iterable<C>): C[] {
  return [...sequence].flatMap((command) => {
    const wrapper = command as { cmd?: C; hasRan?: boolean }
    if (!wrapper.cmd) return [command]
    return wrapper.hasRan ? [wrapper.cmd] : []
  })
}

/** JSON, with bytes as hexadecimal digits. */
export function toCorpusText(saved: unknown): string {
  const withHex = (_key: string, value: unknown) =>
    value instanceof Uint8Array ? { hex: Buffer.from(value).toString("hex") } : value
  return `${JSON.stringify(saved, withHex)}\n`
}

export function fromCorpusText(text: string): unknown {
  return JSON.parse(text, (_key, value) => {
    const hex = (value as { hex?: unknown } | null)?.hex
    return typeof hex === "string" ? Uint8Array.from(Buffer.from(hex, "hex")) : value
  })
}

/** For a target whose cases are plain values. */
export const plain = {
  save: (value: unknown): unknown => value,
  load: <T>(saved: unknown): T => saved as T,
}
