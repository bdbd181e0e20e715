// Keeps the lines that were typed into the console, or at another prompt of ours, until the next time. They are in a
// file in the user's state folder. Whatever is in that file or in its place, the console works.

import {
  appendFileSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  writeFileSync,
} from "node:fs"
import os from "node:os"
import path from "node:path"
import { makeFolder } from "../node/make-folder.js"
import { visibleText } from "../visible-text.js"

export const MOST_LINES = 1000
/** A file that is longer than this is written anew. */
const MOST_BYTES = 256 * 1024
/** A longer line was not typed. */
const LONGEST_LINE = 1000

/** only the user may read it: what was typed may be private */
const OWNER_ONLY = 0o600

export function historyPath(name = "console-history"): string {
  const state = process.env.XDG_STATE_HOME || path.join(os.homedir(), ".local", "state")
  return path.join(state, "virtio-msg", name)
}

export class ConsoleHistory {
  readonly #file: string
  readonly #lines: string[]
  /** Why nothing is kept. Undefined while lines are kept. */
  #trouble: string | undefined

  /** Reads what is there. Never throws. */
  constructor(file: string = historyPath()) {
    this.#file = file
    this.#lines = this.#read()
  }

  /** The lines, the newest first, as readline wants them. */
  get newestFirst(): string[] {
    return this.#lines.toReversed()
  }

  /** Why lines are not kept until the next time. Undefined if they are. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /** Keeps a line, unless it is empty, begins with a space, or is the last one again. */
  add(line: string): void {
    if (line.trim() === "" || line.startsWith(" ") || line === this.#lines.at(-1) || !isTyped(line)) return
    this.#lines.push(line)
    if (this.#trouble !== undefined) return
    try {
      makeFolder(path.dirname(this.#file), 0o700)
      appendFileSync(this.#file, `${line}\n`, { mode: OWNER_ONLY })
    } catch (error) {
      this.#trouble = (error as Error).message
    }
  }

  #read(): string[] {
    let descriptor: number
    try {
      // a pipe in its place must not make us wait
      descriptor = openSync(this.#file, constants.O_RDONLY | constants.O_NONBLOCK)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== "ENOENT") this.#trouble = message
      return []
    }
    try {
      const { size } = fstatSync(descriptor)
      if (!fstatSync(descriptor).isFile()) throw new Error(`${this.#file} is no file`)
      const bytes = Buffer.alloc(Math.min(size, MOST_BYTES))
      const length = readSync(descriptor, bytes, 0, bytes.length, Math.max(0, size - MOST_BYTES))
      const lines = bytes.toString("utf8", 0, length).split("\n").filter(isTyped).slice(-MOST_LINES)
      if (size > MOST_BYTES) this.#rewrite(lines)
      return lines
    } catch (error) {
      this.#trouble = (error as Error).message
      return []
    } finally {
      closeSync(descriptor)
    }
  }

  #rewrite(lines: readonly string[]): void {
    const fresh = `${this.#file}.${process.pid}`
    writeFileSync(fresh, lines.map((line) => `${line}\n`).join(""), { mode: OWNER_ONLY })
    renameSync(fresh, this.#file)
  }
}

/** Whether a person can have typed it: what a damaged file holds must not reach the terminal. */
function isTyped(line: string): boolean {
  return line !== "" && line.length <= LONGEST_LINE && visibleText(line) === line && !line.includes("\ufffd")
}
