// Runs the compiled command: as a process of its own, as its users do, or in one that runs many (command-hosts.ts).

import { type ChildProcessByStdio, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import type { Readable, Writable } from "node:stream"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { afterAll, expect } from "vitest"
import { type HostedOutcome, runInHost } from "./command-hosts.js"

export const MAIN = fileURLToPath(new URL("../../dist/host/src/cli/main.js", import.meta.url))

/** Tens of times what any command takes alone; a command that hangs is killed, and fails its test. */
const LIMIT_MS = 120_000

/** As long as whatever uses a process that runs on. */
const LASTING_LIMIT_MS = 600_000

/** Processes that run: what a failed test left behind ends with its file. */
const running = new Set<Child>()
afterAll(() => {
  for (const child of running) child.kill("SIGKILL")
})

export type Outcome = HostedOutcome

type Child = ChildProcessByStdio<Writable | null, Readable, Readable>

/** The environment of the tests themselves must not decide about colours, nor about ports and folders. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const { NO_COLOR, FORCE_COLOR, NODE_DISABLE_COLORS, CI, VIRTIO_MSG_PORT, VIRTIO_MSG_ROOT, ...rest } =
    process.env
  return rest
}

/**
 * Starts `virtio-msg ARGS`, which may run on until its test file ends; `input` is its whole standard input, or the
 * descriptor of a terminal.
 */
export function spawnCommand(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input: string | number = "",
): Child {
  return spawnNode([MAIN, ...args], env, input)
}

/** Starts Node.js, as `spawnCommand`. */
function spawnNode(args: readonly string[], env: NodeJS.ProcessEnv, input: string | number): Child {
  const child = spawn(process.execPath, args, {
    stdio: [typeof input === "number" ? input : "pipe", "pipe", "pipe"],
    env: { ...plainEnvironment(), ...env },
  }) as Child
  running.add(child)
  child.once("close", () => running.delete(child))
  child.stdin?.on("error", () => {}) // it ended before it read all
  if (typeof input === "string") child.stdin?.end(input)
  return child
}

/** What a process did that ends by itself; one that hangs is killed, which leaves no code. */
async function outcomeOf(child: Child, limitMs = LIMIT_MS): Promise<Outcome> {
  const limit = setTimeout(() => child.kill("SIGKILL"), limitMs)
  const [code, stdout, stderr] = await Promise.all([exitCode(child), text(child.stdout), text(child.stderr)])
  clearTimeout(limit)
  expectNoStackTrace(stderr)
  return { code, stdout, stderr }
}

/** Runs a program of Node's to its end, with `input` as its standard input. */
export function runNode(args: readonly string[], input = "", env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return outcomeOf(spawnNode(args, env, input))
}

function exitCode(child: Child): Promise<number | null> {
  return new Promise((resolve) => child.once("close", resolve))
}

/** Whatever goes wrong, a user sees sentences. */
function expectNoStackTrace(stderr: string): void {
  expect(stderr).not.toMatch(/^\s+at .+:\d+/m)
  expect(stderr).not.toContain("a defect of virtio-msg")
}

function wordsOf(line: string | readonly string[]): readonly string[] {
  return typeof line === "string" ? line.split(" ").filter((word) => word !== "") : line
}

/** Runs `virtio-msg ARGS`, split at spaces where it is one string, in a process that has run others before. */
export async function virtioMsg(
  line: string | readonly string[],
  env: NodeJS.ProcessEnv = {},
  limitMs = LIMIT_MS,
): Promise<Outcome> {
  const outcome = await runInHost(wordsOf(line), { ...plainEnvironment(), ...env }, limitMs)
  expectNoStackTrace(outcome.stderr)
  return outcome
}

/** As `virtioMsg`, in a process of its own: for what a process does when it starts and ends. */
export function virtioMsgProcess(
  line: string | readonly string[],
  env?: NodeJS.ProcessEnv,
): Promise<Outcome> {
  return outcomeOf(spawnCommand(wordsOf(line), env))
}

/** Runs `virtio-msg ARGS`, split at spaces, with `input` as its standard input. */
export function virtioMsgWithInput(line: string, input: string): Promise<Outcome> {
  return outcomeOf(spawnCommand(line.split(" "), {}, input))
}

/** Runs a command that has to succeed without a word on stderr; returns its stdout. */
export async function stdoutOf(line: string, limitMs?: number): Promise<string> {
  const { code, stdout, stderr } = await virtioMsg(line, {}, limitMs)
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
  const child = spawnCommand(args, env)
  const ended = outcomeOf(child, LASTING_LIMIT_MS)
  const first = await firstLine(child[on])
  if (first === "") throw new Error(`It ended at once: ${(await ended).stderr}`)
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
    const child = spawnCommand(["sim", "--listen", listen, ...options])
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
