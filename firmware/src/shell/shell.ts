// The microcontroller's log and its small shell: the program at the device's end of the virtio-console.
// Input is lines. Nothing is echoed: the terminal on the other side does that. A command's output and the prompt
// behind it wait for the driver as long as it takes. Log lines do not wait: those that find no room are counted.

import type { Allocator, ByteBuf, OwnedBytes } from "../../../shared-protocol/src/bytes.js"
import type { ConsoleProgram } from "../../../shared-protocol/src/device/console.js"
import { NEWLINE, TextBuffer } from "./text-buffer.js"
import { helpLine } from "./words.js"

/** Printed when a command has ended. */
export const PROMPT = "m4> "
const MAX_LINE = 80
const OUTPUT_BYTES = 256
const LOG_BYTES = 256

const BACKSPACE = 8
const CARRIAGE_RETURN = 13
const DELETE = 127

/** Where a command prints. */
export interface CommandOutput {
  /** Prints a line, as soon as there is room for it. */
  print(text: string): Promise<void>
  /** Whether nobody waits for the output any more. */
  isAborted(): boolean
}

/** Some commands. One object has many of them, because each object costs the microcontroller a hundred bytes. */
export interface CommandSet {
  /** A line of help for each, as `helpLine` wants it. */
  readonly help: readonly string[]
  /** Runs a command, of which `words` begins with the name. False: there is no such command here. */
  run(out: CommandOutput, words: readonly string[]): Promise<boolean>
}

/** Output for a command that nobody waits for: it goes to the log. */
class LogOutput implements CommandOutput {
  private readonly shell: Shell

  constructor(shell: Shell) {
    this.shell = shell
  }

  async print(text: string): Promise<void> {
    this.shell.log(text)
  }

  isAborted(): boolean {
    return false
  }
}

export class Shell implements ConsoleProgram, CommandOutput {
  /** Called when there is output. */
  onOutput: () => void = doNothing
  /** Called when there is room for input again. */
  onRoom: () => void = doNothing
  /** Called when a line is there: time for `runLine`. */
  onLine: () => void = doNothing
  /** Log lines that found no room and were not reported yet. */
  lostLines = 0

  private readonly commands: readonly CommandSet[]
  private readonly pause: () => Promise<void>
  private readonly output: TextBuffer
  private readonly logged: TextBuffer
  private line = ""
  private isTooLong = false
  private lastByte = 0
  private hasLine = false
  /** Changes when the driver goes. A command that began before then prints nothing more. */
  private resetCount = 0
  private isRunning = false
  /** What `resetCount` was when the running command began. */
  private startedAfter = 0

  /** `pause` waits a few milliseconds. */
  constructor(commands: readonly CommandSet[], alloc: Allocator, pause: () => Promise<void>) {
    this.commands = commands
    this.pause = pause
    this.output = new TextBuffer(alloc, OUTPUT_BYTES)
    this.logged = new TextBuffer(alloc, LOG_BYTES)
  }

  hasOutput(): boolean {
    return this.output.length > 0 || this.logged.length > 0
  }

  /** The log first, but never in the middle of a line of output. */
  read(into: OwnedBytes, offset: number, length: number): number {
    if (this.logged.length > 0 && (this.logged.lastTaken !== NEWLINE || this.isBetweenLines()))
      return this.logged.take(into, offset, length)
    return this.output.take(into, offset, length)
  }

  /** Takes no byte behind a line that waits to be run. */
  write(bytes: ByteBuf, offset: number, length: number): number {
    for (let i = 0; i < length; i++) {
      if (this.hasLine) return i
      const byte = bytes[offset + i]
      const isSecondOfPair = byte === NEWLINE && this.lastByte === CARRIAGE_RETURN
      this.lastByte = byte
      if (isSecondOfPair) continue
      if (byte === NEWLINE || byte === CARRIAGE_RETURN) {
        this.hasLine = true
        this.onLine()
      } else if (byte === BACKSPACE || byte === DELETE) {
        this.line = this.line.slice(0, this.line.length > 0 ? this.line.length - 1 : 0)
      } else if (byte >= 32) {
        if (this.line.length < MAX_LINE) this.line += String.fromCharCode(byte)
        else this.isTooLong = true
      }
    }
    return length
  }

  reset(): void {
    this.resetCount++
    this.output.clear()
    this.line = ""
    this.isTooLong = false
    this.hasLine = false
  }

  /** Runs the line that is there, to the end of its output. */
  async runLine(): Promise<void> {
    // a command of the driver before may still run, until it notices that this driver has gone
    while (this.isRunning) await this.pause()
    if (!this.hasLine) return
    this.isRunning = true
    this.startedAfter = this.resetCount
    const words = this.line.split(" ").filter((word) => word !== "")
    if (this.isTooLong) await this.print(`a line has at most ${MAX_LINE} characters`)
    else if (words.length > 0) await this.runCommand(this, words)
    await this.say(PROMPT)
    this.isRunning = false
    if (this.isAborted()) return // then `line` may already be another driver's
    this.line = ""
    this.isTooLong = false
    this.hasLine = false
    this.onRoom()
  }

  /** Prints a line as soon as there is room for it, or nothing if the driver has gone. */
  async print(text: string): Promise<void> {
    await this.say(`${text}\n`)
  }

  /** Whether nobody waits for the running command's output any more. */
  isAborted(): boolean {
    return this.startedAfter !== this.resetCount
  }

  /** Adds a line to the log, unless there is no room. */
  log(text: string): void {
    if (this.lostLines > 0 && this.logged.put(`(lines of the log lost: ${this.lostLines})\n`))
      this.lostLines = 0
    if (this.lostLines > 0 || !this.logged.put(`${text}\n`)) this.lostLines++
    this.onOutput()
  }

  /** Runs a command whose output goes to the log. */
  async runInBackground(words: readonly string[]): Promise<void> {
    await this.runCommand(new LogOutput(this), words)
  }

  private async runCommand(out: CommandOutput, words: readonly string[]): Promise<void> {
    for (let i = 0; i < this.commands.length; i++) {
      const set = this.commands[i]
      if (words[0] !== "help") {
        if (await set.run(out, words)) return
      } else for (let line = 0; line < set.help.length; line++) await out.print(helpLine(set.help[line]))
    }
    if (words[0] !== "help") await out.print(`${words[0]}: no such command; try help`)
  }

  private async say(text: string): Promise<void> {
    let at = 0
    while (at < text.length) {
      const piece = text.slice(at, at + OUTPUT_BYTES)
      while (!this.isAborted() && !this.output.put(piece)) await this.pause()
      if (this.isAborted()) return
      at += piece.length
      this.onOutput()
    }
  }

  private isBetweenLines(): boolean {
    return this.output.lastTaken === NEWLINE || this.output.length === 0
  }
}

function doNothing(): void {}
