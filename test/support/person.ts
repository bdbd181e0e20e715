// A person at a terminal. It is a pseudo-terminal of util-linux's `script`.

import { type ChildProcessByStdio, spawn } from "node:child_process"
import { once } from "node:events"
import type { Readable, Writable } from "node:stream"

/** Sequences that move the cursor and change colours. A person does not read them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are control characters
const ESCAPES = /\x1b\[[\d;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07/g

/** A person at a terminal who reads what is on it before typing more. */
export class Person {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  #screen = ""
  #readTo = 0
  #wake: () => void = () => {}

  /** `command` is a line of a shell. */
  constructor(command: string, env: NodeJS.ProcessEnv) {
    this.#child = spawn("script", ["-qefc", command, "/dev/null"], {
      stdio: ["pipe", "pipe", "inherit"],
      env,
    })
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#screen += text.replaceAll("\r\n", "\n").replaceAll(ESCAPES, "")
      this.#wake()
    })
    this.#child.once("close", () => this.#wake())
  }

  /** The text since the last call, up to and with `wanted`. */
  async reads(wanted: string): Promise<string> {
    for (;;) {
      const at = this.#screen.indexOf(wanted, this.#readTo)
      if (at >= 0) {
        const text = this.#screen.slice(this.#readTo, at + wanted.length)
        this.#readTo = at + wanted.length
        return text
      }
      if (this.#child.exitCode !== null)
        throw new Error(`it ended, and "${wanted}" never came: ${this.#screen}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  types(keys: string): void {
    this.#child.stdin.write(keys)
  }

  /** Resolves with the exit code when the command has ended. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, "close")
    return this.#child.exitCode
  }

  kill(): void {
    this.#child.kill("SIGKILL")
  }
}
