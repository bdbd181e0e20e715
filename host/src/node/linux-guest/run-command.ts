// Runs a program and waits for it.

import { spawn } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

/** A program that could not be run, or ended with another code than 0. */
export class CommandError extends Error {
  override readonly name = "CommandError"
  /** What the program wrote last, at most 2000 characters. */
  readonly output: string

  constructor(command: string, problem: string, output: string) {
    super(`${command} ${problem}`)
    this.output = output.slice(-2000).trim()
  }
}

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
}

/** Runs a program, without a shell; resolves with what it wrote to its standard output. Rejects with CommandError. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    let log = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text
      log += text
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text
    })
    child.once("error", (error) => {
      // one that is ended by the signal writes until it closes
      if (child.pid === undefined) reject(new CommandError(command, `did not start: ${error.message}`, log))
    })
    child.once("close", (code, signal) => {
      if (code === 0) resolve(output)
      else
        reject(
          new CommandError(command, code === null ? `ended by ${signal}` : `ended with code ${code}`, log),
        )
    })
  })
}

/** Whether a program of that name is on the PATH. */
export function isInstalled(program: string): boolean {
  const folders = (process.env.PATH ?? "").split(delimiter).concat("/usr/sbin", "/sbin")
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
