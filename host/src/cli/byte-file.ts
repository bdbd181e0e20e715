// A file or pipe that bytes are appended to at once, so that nothing is lost when the process is killed.

import { closeSync, openSync, writeSync } from "node:fs"
import { invalidArgument } from "../errors.js"

/** only the user may read it: it holds what crossed the link, such as keys in an EEPROM */
const OWNER_ONLY = 0o600

export class ByteFile {
  readonly #path: string
  readonly #file: number
  /** False once the reader of a pipe has gone, or the disk is full. */
  isOpen = true
  /** Whether bytes were lost for another reason than that a reader left. */
  hasFailed = false

  /** Opens `path` anew; "-" is stdout. Throws INVALID_ARGUMENT. */
  constructor(path: string) {
    this.#path = path
    try {
      this.#file = path === "-" ? process.stdout.fd : openSync(path, "w", OWNER_ONLY)
    } catch (error) {
      throw invalidArgument(`Cannot write the trace: ${reasonOf(error)}.`, {
        hint: "Choose another file.",
        cause: error,
      })
    }
  }

  /** Appends the bytes. If they cannot be written, the file ends, and the user is told, unless a reader just left. */
  write(bytes: Uint8Array): void {
    for (let at = 0; this.isOpen && at < bytes.length; ) {
      try {
        at += writeSync(this.#file, bytes, at)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === "EAGAIN") continue
        if (code !== "EPIPE") {
          this.hasFailed = true
          process.stderr.write(
            `error: The trace in ${this.#path} ends here: ${reasonOf(error)}.\nhint: Is the disk full?\n`,
          )
        }
        this.close()
      }
    }
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    if (this.#path !== "-") closeSync(this.#file)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
