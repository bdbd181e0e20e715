// `virtio-msg console` at a terminal, as a person sits before it: a pseudo-terminal of util-linux's `script`.

import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Person } from "../support/person.js"
import { MAIN, plainEnvironment } from "./command.js"

const isMissing = spawnSync("script", ["--version"]).error !== undefined
if (isMissing && process.env.CI) throw new Error("In CI nothing may be missing: apt-get install bsdutils")

const PROMPT = "m4> "

const skipped = isMissing ? " (skipped: enable with: apt-get install bsdutils)" : ""

describe.skipIf(isMissing)(`at a terminal, the console${skipped}`, () => {
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
  function sitsDown(env: NodeJS.ProcessEnv = { TERM: "dumb" }): Person {
    const console = `"${process.execPath}" "${MAIN}" --port sim console`
    person = new Person(
      `trap : INT; stty -g > "${folder}/before"; ${console}; code=$?; stty -g > "${folder}/after"; echo "left with $code"; exit $code`,
      { ...plainEnvironment(), SHELL: "/bin/sh", XDG_STATE_HOME: folder, ...env },
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

  describe("that can move its cursor", () => {
    const XTERM = { TERM: "xterm" }
    const UP = "\x1b[A"
    const HOME = "\x01"
    const DELETE = "\x1b[3~"
    const history = () => path.join(folder, "virtio-msg", "console-history")

    it("lets a line be edited in its middle, and brings back those of another time", async () => {
      const at = sitsDown(XTERM)
      await at.reads(PROMPT)
      at.types("xchips")
      await at.reads("xchips")
      at.types(`${HOME}${DELETE}\r`)
      await at.reads("0x48 lm75\n")
      await at.reads(PROMPT)
      at.types("\x04")
      await at.reads("left with 0")
      expect(settings("after")).toBe(settings("before"))
      expect(readFileSync(history(), "utf8")).toBe("chips\n")
      const again = sitsDown(XTERM)
      await again.reads(PROMPT)
      again.types(`${UP}\r`)
      await again.reads("0x76 bme280\n")
      again.types("\x04")
      await again.reads("left with 0")
    })

    it("keeps the line that is being typed in place below what the board prints meanwhile", async () => {
      const at = sitsDown(XTERM)
      await at.reads(PROMPT)
      at.types("later 300 stats\r")
      await at.reads(PROMPT)
      at.types("chi")
      await at.reads("edges merged") // of the statistics
      await at.reads("chi") // written again
      at.types("ps\r")
      await at.reads("0x48 lm75\n")
      at.types("\x04")
      await at.reads("left with 0")
    })

    it("gives up the line with Ctrl-C, and with nothing on it is left", async () => {
      const at = sitsDown(XTERM)
      await at.reads(PROMPT)
      at.types("nonsense")
      await at.reads("nonsense")
      at.types("\x03")
      at.types("chips\r")
      await at.reads("0x48 lm75\n")
      await at.reads(PROMPT)
      at.types("\x03")
      await at.reads("left with 0")
      expect(settings("after")).toBe(settings("before"))
    })

    it("works without a history where none can be kept, and says why", async () => {
      mkdirSync(history(), { recursive: true })
      const at = sitsDown(XTERM)
      await at.reads("The history is not kept: ")
      await at.reads(PROMPT)
      at.types("chips\r")
      await at.reads("0x48 lm75\n")
      at.types("\x04")
      await at.reads("left with 0")
    })
  })
})
