// `virtio-msg console` at a terminal, as a person sits before it: a pseudo-terminal of util-linux's `script`.

import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import type { Readable, Writable } from "node:stream"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { MAIN, plainEnvironment } from "./command.js"

const isMissing = spawnSync("script", ["--version"]).error !== undefined
if (isMissing && process.env.CI) throw new Error("In CI nothing may be missing: apt-get install bsdutils")

const PROMPT = "m4> "

/** Someone at a terminal who reads what is on it before typing on. */
class Person {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  #screen = ""
  #readTo = 0
  #wake: () => void = () => {}

  constructor(command: string) {
    this.#child = spawn("script", ["-qefc", command, "/dev/null"], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...plainEnvironment(), SHELL: "/bin/sh", TERM: "dumb" },
    })
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#screen += text.replaceAll("\r\n", "\n")
      this.#wake()
    })
    this.#child.once("close", () => this.#wake())
  }

  /** What came since the last call, up to `wanted` and with it. */
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

  /** Resolves with the exit code. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, "close")
    return this.#child.exitCode
  }

  kill(): void {
    this.#child.kill("SIGKILL")
  }
}

describe.skipIf(isMissing)("at a terminal, the console", () => {
  let folder: string
  let person: Person | undefined
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "terminal-"))
  })
  afterEach(() => {
    person?.kill()
    rmSync(folder, { recursive: true })
  })

  /** The command between two looks at the terminal's settings, with a shell behind it that goes on. */
  function sitsDown(): Person {
    const console = `"${process.execPath}" "${MAIN}" --port sim console`
    person = new Person(
      `trap : INT; stty -g > "${folder}/before"; ${console}; code=$?; stty -g > "${folder}/after"; echo "left with $code"; exit $code`,
    )
    return person
  }

  const settings = (when: string) => readFileSync(path.join(folder, when), "utf8")

  it("shows a prompt, answers lines that are typed, and is left with Ctrl-D", async () => {
    const at = sitsDown()
    expect(await at.reads(PROMPT)).toContain("Type help for its commands, Ctrl-D to leave.")
    at.types("chips\n")
    const answer = await at.reads(PROMPT)
    expect(answer).toContain("chips\n") // the terminal's echo, once
    expect(answer.split("chips\n")).toHaveLength(2)
    expect(answer).toContain("0x48 lm75\n")
    at.types("\x04")
    await at.reads("left with 0")
    expect(await at.ended()).toBe(0)
    expect(settings("after")).toBe(settings("before"))
  })

  it("lets a line be corrected before it goes to the board", async () => {
    const at = sitsDown()
    await at.reads(PROMPT)
    at.types("chixx\x7f\x7fps\n")
    expect(await at.reads(PROMPT)).toContain("0x76 bme280\n")
    at.types("\x04")
    expect(await at.ended()).toBe(0)
  })

  it("is left with Ctrl-C in the middle of a flood, and the terminal is as it was", async () => {
    const at = sitsDown()
    await at.reads(PROMPT)
    at.types("flood 100000\n")
    await at.reads("\n20     0123456789")
    at.types("\x03")
    await at.reads("left with")
    await at.ended()
    expect(settings("after")).toBe(settings("before"))
  })

  it("goes on when the board's size changes, and when its console asks for a reset", async () => {
    const at = sitsDown()
    await at.reads(PROMPT)
    at.types("size 132 50\n")
    await at.reads(PROMPT)
    at.types("fail 3\n")
    await at.reads("asks to be reset (DEVICE_NEEDS_RESET)")
    await at.reads(PROMPT)
    at.types("devices\n")
    expect(await at.reads(PROMPT)).toContain("console  in use")
    at.types("\x04")
    expect(await at.ended()).toBe(0)
  })
})
