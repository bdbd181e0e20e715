// Lines that come whether or not anybody reads them. Up to a limit they wait. Beyond it they are left out, and their
// number is told. Lines that somebody asked for, such as those of a capture, wait instead: `untilRead`.

import { once } from "node:events"
import type { Readable, Writable } from "node:stream"
import { counted } from "../counted.js"

/** The lines made from one piece of this size take much less room than may wait. */
const PIECE_BYTES = 16_384
/** So much may wait for whoever reads. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024

export class LiveLines {
  readonly #sink: Writable
  readonly #tell: (sentence: string) => void
  #missed = 0

  /** `tell` is called with the number of lines that were left out, as soon as there is room again. */
  constructor(sink: Writable, tell: (sentence: string) => void) {
    this.#sink = sink
    this.#tell = tell
  }

  write(line: string): void {
    if (this.#sink.writableLength <= MOST_WAITING_BYTES) {
      this.#sink.write(`${line}\n`)
      return
    }
    if (this.#missed++ === 0) this.#sink.once("drain", () => this.#room())
  }

  #room(): void {
    this.#tell(
      `${counted(this.#missed, "line was", "lines were")} left out here: whoever reads them does not keep up.`,
    )
    this.#missed = 0
  }
}

/** Settles when the reader has taken enough that more may follow. At once if it has already. */
export async function untilRead(sink: Writable): Promise<void> {
  if (sink.writableNeedDrain && !sink.destroyed)
    await Promise.race([once(sink, "drain"), once(sink, "close")])
}

/** Hands a whole stream to `take`, only as fast as what it writes to `sink` is read. None of its lines is left out. */
export async function readAtPaceOf(
  sink: Writable,
  stream: Readable,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  for await (const chunk of stream as AsyncIterable<Uint8Array>)
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      take(chunk.subarray(at, at + PIECE_BYTES))
      await untilRead(sink)
    }
}
