// A program at the device's end of a console, for tests. It takes input while it has room, and prints what a test
// tells it to.

import type { ByteBuf, OwnedBytes } from "../../shared-protocol/src/bytes.js"
import type { ConsoleProgram } from "../../shared-protocol/src/device/console.js"

export class ConsoleTestProgram implements ConsoleProgram {
  /** The input that it was given. */
  taken: number[] = []
  /** The output that it has not printed yet. */
  output: number[] = []
  /** So many more bytes of input it takes. */
  room = Number.POSITIVE_INFINITY
  resetCount = 0

  hasOutput(): boolean {
    return this.output.length > 0
  }

  read(into: OwnedBytes, offset: number, length: number): number {
    const bytes = this.output.splice(0, length)
    for (const [at, byte] of bytes.entries()) into[offset + at] = byte
    return bytes.length
  }

  write(bytes: ByteBuf, offset: number, length: number): number {
    const count = Math.min(length, this.room)
    this.room -= count
    for (let at = 0; at < count; at++) this.taken.push(bytes[offset + at] as number)
    return count
  }

  reset(): void {
    this.resetCount++
  }

  /** Prints `count` bytes of an endless run of numbers. */
  say(count: number, from = 0): void {
    for (let at = 0; at < count; at++) this.output.push((from + at) & 0xff)
  }
}
