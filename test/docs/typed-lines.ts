// Lines of a shell as a page shows them, typed by a reader who has nothing but the package: each in its turn, in a
// folder of its own, beside those that run on in other terminals.

import { type ChildProcess, spawn } from "node:child_process"
import { chmod, copyFile, mkdir, symlink, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import path from "node:path"
import { expect } from "vitest"
import { MAIN, plainEnvironment, withFolder } from "../cli/command.js"
import { blocksOf, fileOf, ROOT } from "./page-blocks.js"

/** Commands that run until Ctrl-C: they run on while the rest of their block does. */
const LASTS =
  /^npx virtio-msg(?: --port \S+)? (?:dashboard(?! --export)|sim |serve|usbip|gpio set(?! -i)|gpio monitor|info --watch|trace$)/

const LIMIT_MS = 120_000

interface Ended {
  readonly code: number | null
  readonly output: string
}

/** One command of a shell, and all that it starts. */
class Command {
  readonly ended: Promise<Ended>
  #output = ""
  readonly #child: ChildProcess
  readonly #spoke: Promise<void>

  constructor(line: string, folder: string, env: NodeJS.ProcessEnv) {
    // a group of its own, which ends as a whole
    const child = spawn("bash", ["-c", line], {
      cwd: folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    })
    this.#child = child
    let hasSpoken = () => {}
    this.#spoke = new Promise((resolve) => {
      hasSpoken = resolve
    })
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        this.#output += chunk.toString("utf8")
        if (this.#output.includes("\n")) hasSpoken()
      })
    const limit = setTimeout(() => this.signal("SIGKILL"), LIMIT_MS)
    this.ended = new Promise((resolve) => {
      child.once("close", (code) => {
        clearTimeout(limit)
        resolve({ code, output: this.#output })
      })
    })
  }

  /** Settles when it has printed a line, or has ended. */
  async speaks(): Promise<void> {
    await Promise.race([this.#spoke, this.ended])
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child.pid !== undefined && this.isRunning) process.kill(-this.#child.pid, signal)
  }
}

/** A TCP port that nobody uses. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** A folder as a reader has it: the page's files, the package, and nothing of this user's. */
async function furnish(folder: string, page: string): Promise<NodeJS.ProcessEnv> {
  const bin = path.join(folder, "bin")
  await mkdir(bin)
  await mkdir(path.join(folder, "run"), { mode: 0o700 })
  await writeFile(path.join(bin, "npx"), `#!/bin/sh\nshift\nexec "${process.execPath}" "${MAIN}" "$@"\n`)
  await chmod(path.join(bin, "npx"), 0o755)
  await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"))
  await writeFile(path.join(folder, "package.json"), '{ "type": "module" }\n')
  await copyFile(path.join(ROOT, "docs/examples/tmp102.ts"), path.join(folder, "tmp102.ts"))
  for (const program of blocksOf(page)) {
    const file = fileOf(program)
    if (file !== undefined) await writeFile(path.join(folder, file), program.code)
  }
  return {
    ...plainEnvironment(),
    PATH: `${bin}:${process.env.PATH}`,
    HOME: folder,
    TMPDIR: folder,
    XDG_RUNTIME_DIR: path.join(folder, "run"),
    XDG_CONFIG_HOME: path.join(folder, "config"),
    XDG_CACHE_HOME: path.join(folder, "cache"),
    XDG_DATA_HOME: path.join(folder, "data"),
    VIRTIO_MSG_PORT: "sim", // where a page names no port, it speaks of the reader's board
  }
}

/** Of a comment: what is printed, one after the other. Other comments explain. */
function promisedOf(comment: string): string[] {
  const [shown = ""] = comment.split(":")
  return /^(0x[0-9a-f]+|serve-\d+)(, then 0x[0-9a-f]+)*$/.test(shown) ? shown.split(", then ") : []
}

/** What differs from run to run. */
const withPlaceholders = (text: string) =>
  text
    .replace(/\bserve-\d+/g, "serve-N")
    .replace(/\d+\.\d+( ms)?/g, "TIME$1")
    .replace(/ +/g, " ")

/** Looks for the lines of a page in an output, in order; `...` stands for anything. */
export function missingFrom(output: string, shown: string): string[] {
  const lines = withPlaceholders(output)
    .split("\n")
    .map((line) => line.trim())
  const missing: string[] = []
  let from = 0
  for (const line of withPlaceholders(shown).split("\n")) {
    const parts = line.trim().split("...")
    const isLike = (printed: string) => {
      let at = 0
      return parts.every((part, index) => {
        const found = printed.indexOf(part.trim(), at)
        at = found + part.trim().length
        if (index === parts.length - 1 && part !== "" && at !== printed.length) return false
        return found >= 0 && (index > 0 || found === 0)
      })
    }
    const at = lines.findIndex((printed, index) => index >= from && isLike(printed))
    if (at < 0) missing.push(line)
    else from = at + 1
  }
  return missing
}

/** Runs lines of a shell as a reader types them, those that last in terminals of their own. */
export async function runLines(
  page: string,
  lines: readonly { command: string; comment: string }[],
): Promise<string> {
  const ports = new Map([
    ["7654", await freePort()],
    ["3240", await freePort()],
  ])
  return withFolder(async (folder) => {
    const env = await furnish(folder, page)
    const lasting: { line: string; command: Command }[] = []
    let all = ""
    try {
      for (const { command: written, comment } of lines) {
        // other tests and people have these, too
        const line = written
          .replaceAll("/tmp/", `${folder}/`)
          .replace(/\b(7654|3240)\b/g, (port) => String(ports.get(port)))
          .replace(/^npx virtio-msg dashboard(?! --export)/, "$& --listen 127.0.0.1:0")
          .replace(/ &$/, "")
        const promised = promisedOf(comment)
        if (LASTS.test(written)) {
          const command = new Command(line, folder, env)
          lasting.push({ line: written, command })
          await command.speaks()
          continue
        }
        for (const shown of promised.length > 0 ? promised : [undefined]) {
          const { code, output } = await new Command(line, folder, env).ended
          expect({ written, code, output }).toEqual({ written, code: 0, output })
          if (shown !== undefined)
            expect({ written, printed: withPlaceholders(output.trim()) }).toEqual({
              written,
              printed: withPlaceholders(shown),
            })
          all += output
        }
      }
      for (const { line, command } of lasting.reverse()) {
        const wasRunning = command.isRunning
        command.signal("SIGINT")
        const { code, output } = await command.ended
        const isDone = code === 0 || code === 130 // as after Ctrl-C
        expect({ line, output, wasRunning, isDone }).toEqual({ line, output, wasRunning: true, isDone: true })
        expect(output).not.toMatch(/^error: /m)
      }
    } finally {
      for (const { command } of lasting) command.signal("SIGKILL")
    }
    return all
  })
}
