// Runs command lines in processes that are kept for the next one, where a process of its own is not the point: a tenth of
// the time. What a line leaves alive would keep its process from ending: it counts as still running.

import { type ChildProcess, fork } from "node:child_process"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"

const PROGRAM = fileURLToPath(new URL("./command-host.mjs", import.meta.url))

export interface HostedOutcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

class CommandHost {
  readonly #child: ChildProcess = fork(PROGRAM, [], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    execArgv: [],
  })
  readonly #ended = new Promise<number | null>((resolve) => this.#child.once("exit", resolve))
  isUsable = true
  #runs = 0

  async run(words: readonly string[], env: NodeJS.ProcessEnv, limitMs: number): Promise<HostedOutcome> {
    const end = `\0end of run ${++this.#runs}\0`
    const limit = setTimeout(() => this.kill(), limitMs)
    const answered = new Promise<number>((resolve) => this.#child.once("message", resolve))
    const outputs = Promise.all([this.#child.stdout, this.#child.stderr].map((each) => untilEnd(each, end)))
    this.#child.send({ words, env, end })
    const code = await Promise.race([answered, this.#ended.then((code) => this.#lose(code))])
    const [stdout = "", stderr = ""] = await outputs
    clearTimeout(limit)
    return { code, stdout, stderr }
  }

  kill(): void {
    this.isUsable = false
    this.#child.kill("SIGKILL")
  }

  /** One that is idle ends by itself; one that a failed test left at work is killed. */
  async close(): Promise<void> {
    if (idle.includes(this)) this.#child.disconnect()
    else this.kill()
    await this.#ended
  }

  #lose(code: number | null): number | null {
    this.isUsable = false
    return code
  }
}

/** What comes on the stream before `end`, or before it closes. */
function untilEnd(stream: Readable | null, end: string): Promise<string> {
  if (!stream) throw new Error("A host of commands has no pipe.")
  return new Promise((resolve) => {
    let bytes = ""
    const finish = () => {
      stream.off("data", take)
      stream.off("close", finish)
      const said = bytes.endsWith(end) ? bytes.slice(0, -end.length) : bytes
      resolve(Buffer.from(said, "latin1").toString("utf8"))
    }
    const take = (chunk: Buffer) => {
      bytes += chunk.toString("latin1")
      if (bytes.endsWith(end)) finish()
    }
    stream.on("data", take)
    stream.once("close", finish)
  })
}

const hosts = new Set<CommandHost>()
const idle: CommandHost[] = []
afterAll(() => Promise.all([...hosts].map((host) => host.close())))

/** Runs `virtio-msg WORDS` in exactly this environment, beside others; one that has not ended by the limit is killed. */
export async function runInHost(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  limitMs: number,
): Promise<HostedOutcome> {
  const host = idle.pop() ?? new CommandHost()
  hosts.add(host)
  const outcome = await host.run(words, env, limitMs)
  if (host.isUsable) idle.push(host)
  else hosts.delete(host)
  return outcome
}
