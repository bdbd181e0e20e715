// Processes in the guest that read ST's register without a pause, in the background, while a test takes something away.
// What they have seen is asked of them, not of a clock: an emulated computer may need long to begin.

import path from "node:path"
import type { StockGuest } from "./stock-guest.js"

const PROGRAM = path.join(import.meta.dirname, "reader.py")
const PLACE = "/tmp/reader"

export interface ReaderReport {
  readonly values: Readonly<Record<string, number>>
  /** By the name of `errno`. */
  readonly errors: Readonly<Record<string, number>>
  readonly slowestMs: number
}

export class Readers {
  readonly #guest: StockGuest
  readonly #count: number

  private constructor(guest: StockGuest, count: number) {
    this.#guest = guest
    this.#count = count
  }

  /**
   * One process for each of `counts`, on `/dev/i2c-BUS`; resolves when each of them has read. 0 reads until some reads
   * have failed and then 20 in a row have succeeded.
   */
  static async start(guest: StockGuest, bus: number, ...counts: number[]): Promise<Readers> {
    const started = counts.map((count, at) => {
      const place = `${PLACE}-${at}`
      return `(/usr/bin/python3 ${PROGRAM} ${bus} ${count} ${place} 2> ${place}.words & echo $! > ${place}.pid)`
    })
    await guest.run(`rm -f ${PLACE}-*; ${started.join("; ")}`)
    const readers = new Readers(guest, counts.length)
    await readers.#until("reading")
    return readers
  }

  /** Resolves when each of them has had an error. */
  untilFailed(): Promise<void> {
    return this.#until("failed")
  }

  /** Resolves when all have ended. */
  async reports(): Promise<ReaderReport[]> {
    await this.#until("report")
    const lines = await this.#guest.run(`for f in ${PLACE}-*.report; do cat $f; echo; done`)
    return lines.split("\n").map((line) => JSON.parse(line))
  }

  /** Throws with what they said when one has ended without it. */
  async #until(what: "reading" | "failed" | "report"): Promise<void> {
    const there = `[ $(ls ${PLACE}-*.${what} 2> /dev/null | wc -l) = ${this.#count} ]`
    const running = `for f in ${PLACE}-*.pid; do kill -0 $(cat $f) 2> /dev/null && break; false; done`
    await this.#guest.run(
      `until ${there}; do ${running} || { ${there} && exit 0; cat ${PLACE}-*.words; exit 1; }; sleep 0.1; done`,
    )
  }
}
