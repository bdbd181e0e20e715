// Runs the compiled command as its users do: as a process of its own.

import { type ChildProcessByStdio, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import type { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { expect } from "vitest"

export const MAIN = fileURLToPath(new URL("../../dist/host/src/cli/main.js", import.meta.url))

/** Longer than any command takes on a busy machine; a command that hangs is killed, and fails its test. */
const LIMIT_MS = 15_000

/** As long as whatever uses a process that runs on. */
const LASTING_LIMIT_MS = 90_000

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

type Child = ChildProcessByStdio<null, Readable, Readable>

/** Starts `virtio-msg ARGS`. The environment of the tests themselves must not decide about colours. */
export function spawnCommand(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  limitMs = LIMIT_MS,
): Child {
  const { NO_COLOR, FORCE_COLOR, CI, ...inherited } = process.env
  return spawn(process.execPath, [MAIN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...inherited, ...env },
    timeout: limitMs,
    killSignal: "SIGKILL",
  })
}

function exitCode(child: Child): Promise<number | null> {
  return new Promise((resolve) => child.once("close", resolve))
}

/** Whatever goes wrong, a user sees sentences. */
function expectNoStackTrace(stderr: string): void {
  expect(stderr).not.toMatch(/^\s+at .+:\d+/m)
  expect(stderr).not.toContain("a defect of virtio-msg")
}

/** Runs `virtio-msg ARGS`, split at spaces where it is one string. */
export async function virtioMsg(
  line: string | readonly string[],
  env?: NodeJS.ProcessEnv,
  limitMs?: number,
): Promise<Outcome> {
  const args = typeof line === "string" ? line.split(" ").filter((word) => word !== "") : line
  const child = spawnCommand(args, env, limitMs)
  const [code, stdout, stderr] = await Promise.all([exitCode(child), text(child.stdout), text(child.stderr)])
  expectNoStackTrace(stderr)
  return { code, stdout, stderr }
}

/** Runs a command that has to succeed without a word on stderr; returns its stdout. */
export async function stdoutOf(line: string): Promise<string> {
  const { code, stdout, stderr } = await virtioMsg(line)
  expect({ line, code, stderr }).toEqual({ line, code: 0, stderr: "" })
  return stdout
}

/** As `| head -1` does: reads the first line, and closes the pipe. */
export async function firstLineOf(line: string): Promise<Outcome> {
  const child = spawnCommand(line.split(" "))
  const done = exitCode(child)
  const errors = text(child.stderr)
  const first = await firstLine(child.stdout)
  child.stdout.destroy()
  const [code, stderr] = await Promise.all([done, errors])
  expectNoStackTrace(stderr)
  return { code, stdout: first, stderr }
}

/** Starts a command that runs on, waits for its first line, and offers to end it. */
export async function startUntilLine(
  args: readonly string[],
  on: "stdout" | "stderr" = "stdout",
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly line: string; stop(): Promise<Outcome>; ended: Promise<Outcome> }> {
  const child = spawnCommand(args, env, LASTING_LIMIT_MS)
  const done = exitCode(child)
  const whole = [text(child.stdout), text(child.stderr)] as const
  const ended = Promise.all([done, ...whole]).then(([code, stdout, stderr]) => {
    expectNoStackTrace(stderr)
    return { code, stdout, stderr }
  })
  const first = await firstLine(child[on])
  if (first === "") throw new Error(`It ended at once: ${await whole[1]}`)
  return {
    line: first.trim(),
    stop() {
      child.kill("SIGTERM")
      return ended
    },
    ended,
  }
}

/** `virtio-msg sim`, as a process that other commands drive. */
export class Simulator {
  readonly port: string
  readonly #child: Child
  readonly #done: Promise<number | null>
  readonly #stderr: Promise<string>

  private constructor(child: Child, port: string, done: Promise<number | null>, stderr: Promise<string>) {
    this.port = port
    this.#child = child
    this.#done = done
    this.#stderr = stderr
  }

  /** Settles when the process has printed where it listens. */
  static async start(listen: string, options: readonly string[] = []): Promise<Simulator> {
    const child = spawnCommand(["sim", "--listen", listen, ...options], {}, LASTING_LIMIT_MS)
    const done = exitCode(child)
    const stderr = text(child.stderr)
    const port = await firstLine(child.stdout)
    if (port === "") throw new Error(`No simulator: ${await stderr}`)
    return new Simulator(child, port, done, stderr)
  }

  /** Ends the process without its having a say: what it made stays behind. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL")
    await this.#done
  }

  /** Asks the process to end. */
  async stop(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<Outcome> {
    this.#child.kill(signal)
    const [code, stderr] = await Promise.all([this.#done, this.#stderr])
    expectNoStackTrace(stderr)
    return { code, stdout: `${this.port}\n`, stderr }
  }
}

/** The line without its end; empty when the stream ends before. */
function firstLine(stream: Readable): Promise<string> {
  return new Promise((resolve) => {
    let seen = ""
    const take = (chunk: Buffer) => {
      seen += chunk.toString("utf8")
      const end = seen.indexOf("\n")
      if (end < 0) return
      stream.off("data", take)
      resolve(seen.slice(0, end))
    }
    stream.on("data", take)
    stream.once("end", () => resolve(""))
  })
}

/** Runs `work` with a folder of its own. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-"))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs `work` with a simulator on a Unix socket. */
export function withSimulator<T>(work: (port: string) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const simulator = await Simulator.start(`unix:${path.join(folder, "board.sock")}`)
    try {
      return await work(simulator.port)
    } finally {
      await simulator.stop()
    }
  })
}
