// The rungs of the ladder. A rung is one row, or stands for many. Rows that repeat in the same order are folded, such
// as those of a sensor that is read twice a second. Each of their rungs then shows its newest row and how many it has.

import type { Row } from "./row.js"

/** Rows that repeat with a longer pattern are not folded. */
const LONGEST_PATTERN = 8
/** A pattern must have come so often, one right after the other: two actions of a person stay two. */
const FOLDED_FROM = 3

/** One rung: a row, or rows with the same text at different times. */
export interface Rung {
  /** The indexes of its first row and of its newest row. */
  readonly first: number
  newest: number
  /** How many rows it stands for. */
  count: number
}

/** The pattern that repeats at the end of the list. */
interface Pattern {
  /** The place of its first rung in the list, and how many rungs it has. */
  readonly start: number
  readonly length: number
  /** Which of its rungs is expected next, from 0. */
  next: number
}

export class RungList {
  readonly #isFolding: boolean
  readonly #rowAt: (index: number) => Row | undefined
  readonly #rungs: Rung[] = []
  /** The text of each rung that may repeat. */
  readonly #says: string[] = []
  readonly #rungOf = new Map<number, Rung>()
  #pattern: Pattern | undefined
  /** Earlier rows are not known any more. */
  #keptFrom = 0

  constructor(isFolding: boolean, rowAt: (index: number) => Row | undefined) {
    this.#isFolding = isFolding
    this.#rowAt = rowAt
  }

  get rungs(): readonly Rung[] {
    return this.#rungs
  }

  /** The rung that shows this row or stands for it. */
  rungOf(index: number): Rung | undefined {
    return this.#rungOf.get(index)
  }

  /** Takes the next row. */
  push(row: Row): void {
    const says = this.#isFolding ? whatItSays(row, this.#rowAt) : ""
    const pattern = this.#pattern
    if (pattern && says === this.#says[pattern.start + pattern.next]) {
      this.#join(this.#rungs[pattern.start + pattern.next] as Rung, row.index, 1)
      pattern.next = (pattern.next + 1) % pattern.length
      return
    }
    this.#pattern = undefined
    const rung: Rung = { first: row.index, newest: row.index, count: 1 }
    this.#rungs.push(rung)
    this.#says.push(says)
    this.#rungOf.set(row.index, rung)
    if (this.#isFolding) this.#fold()
  }

  /** Forgets which rungs stood for the rows before `index`. */
  forgetBefore(index: number): void {
    while (this.#keptFrom < index) this.#rungOf.delete(this.#keptFrom++)
  }

  /** Folds the pattern at the end of the list, if it came often enough. */
  #fold(): void {
    const length = Array.from({ length: LONGEST_PATTERN }, (_, i) => i + 1).find((length) =>
      this.#endsWith(length),
    )
    if (length === undefined) return
    const start = this.#rungs.length - FOLDED_FROM * length
    for (let place = start + length; place < this.#rungs.length; place++) {
      const { newest, count } = this.#rungs[place] as Rung
      this.#join(this.#rungs[start + ((place - start) % length)] as Rung, newest, count)
    }
    this.#rungs.length = this.#says.length = start + length
    this.#pattern = { start, length, next: 0 }
  }

  #endsWith(length: number): boolean {
    const end = this.#says.length
    if (end < FOLDED_FROM * length) return false
    for (let back = 1; back <= (FOLDED_FROM - 1) * length; back++)
      if (this.#says[end - back] !== this.#says[end - back - length]) return false
    return true
  }

  #join(rung: Rung, index: number, count: number): void {
    rung.newest = index
    rung.count += count
    this.#rungOf.set(index, rung)
  }
}

/** Rows with the same meaning have the same text. A remark, or a packet in trouble, has a text of its own. */
function whatItSays(row: Row, rowAt: (index: number) => Row | undefined): string {
  const only = `row ${row.index}`
  if (row.kind === "remark") return only
  const { direction, fate, isRepetition, isTaken, remarks, contents } = row.packet
  if (row.kind === "signal")
    return contents.knowsNoEpoch || contents.asksAgain || fate !== "delivered" ? only : `${direction} beat`
  if (fate !== "delivered" || isRepetition || !isTaken || remarks.length > 0) return only
  // the values that are read differ from time to time. The requests do not
  const asked = row.requests.map((one) => `${one.devNum}.${one.queueIndex} ${askedBy(one.text, one.phase)}`)
  if (row.kind === "memory") return asked.length > 0 ? `${direction} memory ${asked}` : only
  const { kind, name, devNum, text } = row.message
  if (row.remarks.length > 0) return only
  const question = row.answers && rowAt(row.answers.index)
  const says = question ? `to ${whatItSays(question, rowAt)}` : text
  return `${direction} ${kind} ${name} ${devNum} ${says} ${asked}`
}

function askedBy(text: string, phase: "available" | "used"): string {
  return phase === "used" ? text.replace(/\b(read|failed).*/, "$1") : text
}
