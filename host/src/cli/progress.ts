// How far a long step is, in one line of stderr that changes; where stderr is no terminal, nothing.

import { note } from "./context.js"

const isTerminal = process.stderr.isTTY === true

export class Progress {
  readonly #title: string
  #shown = ""

  constructor(title: string) {
    this.#title = title
  }

  /** `done` of `total`, in any unit. */
  show(done: number, total: number): void {
    const percent = total > 0 ? Math.floor((100 * done) / total) : 0
    const text = `${this.#title.padEnd(10)} ${percent} %`
    if (!isTerminal || text === this.#shown) return
    this.#shown = text
    process.stderr.write(`\r${text}`)
  }

  /** Ends the line, so that what follows begins a new one. */
  end(): void {
    if (this.#shown) note("")
    this.#shown = ""
  }
}
