// The bytes of a stream as they come. Whole messages are taken from it.

import { counted } from "../../counted.js"

export class ByteIntake {
  #chunks: Uint8Array[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  /** The next `count` bytes, without taking them. Undefined while there are fewer. */
  peek(count: number): DataView | undefined {
    if (this.#length < count) return undefined
    if ((this.#chunks[0]?.length ?? 0) < count) this.#chunks = [Buffer.concat(this.#chunks)]
    const [first] = this.#chunks as [Uint8Array]
    return new DataView(first.buffer, first.byteOffset, count)
  }

  /** Takes the next `count` bytes. There have to be so many. */
  take(count: number): Uint8Array {
    if (count === 0) return new Uint8Array(0)
    const view = this.peek(count)
    if (!view) throw new RangeError(`there are ${counted(this.#length, "byte")}, not ${count}`)
    const first = this.#chunks[0] as Uint8Array
    // a copy, because a few bytes that somebody keeps would keep the whole chunk
    const taken = new Uint8Array(first.subarray(0, count))
    if (first.length === count) this.#chunks.shift()
    else this.#chunks[0] = first.subarray(count)
    this.#length -= count
    return taken
  }

  clear(): void {
    this.#chunks = []
    this.#length = 0
  }
}
