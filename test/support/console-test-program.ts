// A program at the device's end of a console, for tests: takes what it has room for, says what it is told to.

import type { ByteBuf, OwnedBytes } from "../../shared-protocol/src/bytes.js"
import type { ConsoleProgram } from "../../shared-protocol/src/device/console.js"

export class ConsoleTestProgram implements ConsoleProgram {
  /** What it was given, and what it has still to say. */
  taken: number[] = []
  output: number[] = []
  /** Bytes of input that it still takes. */
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

  /** Takes `count` bytes of an endless run of numbers as output. */
  say(count: number, from = 0): void {
    for (let at = 0; at < count; at++) this.output.push((from + at) & 0xff)
  }
}
