// A command under test, a driver or a device model, as a process. It has a process group of its own, so that all that it
// starts ends with it. Ctrl-C at a terminal does not reach that group: we end it when we are ended.

import { type ChildProcess, spawn } from "node:child_process"
import { invalidArgument } from "../errors.js"
import { atProcessEnd } from "../node/process-end.js"

/** Bytes of output kept, to quote the last line. */
const OUTPUT_KEPT = 4000

const hasGroups = process.platform !== "win32"

/** The last line of an output, as a sentence behind another; "" if there is none. */
export function lastWords(output: string): string {
  const said = output.trim().split("\n").at(-1)
  return said ? ` Its last words: ${said}` : ""
}

export class TestedCommand {
  /** Settles when it runs. Rejects with INVALID_ARGUMENT when it cannot be started. */
  readonly started: Promise<void>
  /** Settles when it and its output have ended; never rejects. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
  readonly #child: ChildProcess
  #output = ""

  /** Starts it, with `env` added to our environment. `example` is a command line for the hint. */
  constructor(command: readonly string[], env: Readonly<NodeJS.ProcessEnv>, example: string) {
    const [program = "", ...args] = command
    const child = spawn(program, args, {
      detached: hasGroups,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    })
    this.#child = child
    const callOff = atProcessEnd(() => this.end())
    for (const output of [child.stdout, child.stderr])
      output.on("data", (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString("utf8")).slice(-OUTPUT_KEPT)
      })
    this.started = new Promise((resolve, reject) => {
      child.once("spawn", resolve)
      child.once("error", (cause) => {
        callOff()
        reject(
          invalidArgument(`Cannot start ${program}: ${cause.message}`, {
            hint: `The command and its arguments follow --, as in: ${example}`,
            cause,
          }),
        )
      })
    })
    // without this, what it leaves behind would keep its output open
    child.once("exit", () => this.end())
    this.ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        callOff()
        resolve({ code, signal })
      })
    })
  }

  /** Its last line of output, as a sentence behind another; "" if it printed nothing. */
  get lastWords(): string {
    return lastWords(this.#output)
  }

  /** Ends it and all that it started and did not take out of its group. */
  end(): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      if (hasGroups) process.kill(-pid, "SIGKILL")
      else this.#child.kill("SIGKILL")
    } catch {
      // all of it has ended
    }
  }
}
