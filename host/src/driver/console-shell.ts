// The shell that our firmware has on its console: a command in, its output out.

import { invalidArgument } from "../errors.js"
import type { ConsolePort } from "./console-port.js"

/** What the firmware prints when a command has ended. */
export const SHELL_PROMPT = "m4> "

/** Whether `output` says that the firmware has no such command. Lines of the log may be among it. */
export function isUnknownCommand(output: string): boolean {
  return /^\S+: no such command; try help\r?$/m.test(output)
}

/**
 * Commands for the firmware's shell, and their output. `OpenedBus.shell` makes it.
 *
 * @example
 * ```ts
 * import { openBus } from "virtio-msg"
 *
 * const bus = await openBus({ port: "sim" })
 * const shell = await bus.shell()
 * console.log(await shell.run("chips"))
 * await bus.close()
 * ```
 */
export class ConsoleShell {
  readonly #port: ConsolePort
  #output: AsyncIterator<Uint8Array> | undefined
  #decoder = new TextDecoder()
  #text = ""
  #isInStep = false

  constructor(port: ConsolePort) {
    this.#port = port
  }

  /**
   * Runs a command, and resolves with its output. Log lines that came meanwhile are part of it. Commands run one after
   * another. Rejects when the device fails; the next command works again. Rejects with INVALID_ARGUMENT for more than
   * one line.
   */
  async run(command: string): Promise<string> {
    // a second line would be a second command, and the next `run` would take its output for its own
    if (typeof command !== "string" || /[\r\n]/.test(command))
      throw invalidArgument(`A command is one line, not ${JSON.stringify(command)}.`, {
        hint: "Run one after another.",
      })
    await this.#getInStep()
    return this.#exchange(command)
  }

  /** What the firmware has logged until now, if no command has fetched it. */
  async log(): Promise<string> {
    const before = this.#isInStep
    const text = await this.#getInStep()
    return before ? this.#exchange("") : text
  }

  /** An empty line is answered with a prompt. The log comes before the first one. */
  async #getInStep(): Promise<string> {
    if (this.#isInStep) return ""
    this.#text = ""
    const log = await this.#exchange("")
    this.#isInStep = true
    return log
  }

  async #exchange(line: string): Promise<string> {
    try {
      await this.#port.write(new TextEncoder().encode(`${line}\n`))
      for (;;) {
        const end = this.#text.indexOf(SHELL_PROMPT)
        if (end >= 0 && (end === 0 || this.#text[end - 1] === "\n")) {
          const output = this.#text.slice(0, end)
          this.#text = this.#text.slice(end + SHELL_PROMPT.length)
          return output
        }
        this.#output ??= this.#port[Symbol.asyncIterator]()
        const { done, value } = await this.#output.next()
        if (done) throw new Error("the console was closed")
        this.#text += this.#decoder.decode(value, { stream: true })
      }
    } catch (error) {
      this.#output = undefined
      this.#isInStep = false
      throw error
    }
  }
}
