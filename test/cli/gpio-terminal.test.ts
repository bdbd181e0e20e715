// `virtio-msg gpio set --interactive` at a terminal: its prompt, its history, its end.

import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { because } from "../support/because.js"
import { Person } from "../support/person.js"
import { MAIN, plainEnvironment } from "./command.js"

const skip = spawnSync("script", ["--version"]).error ? "enable with: apt-get install bsdutils" : ""
if (skip && process.env.CI) throw new Error("In CI nothing may be missing: apt-get install bsdutils")

const PROMPT = "gpioset> "
const UP = "\x1b[A"

describe.skipIf(skip)(`at a terminal, gpio set --interactive${because(skip)}`, () => {
  let folder: string
  let person: Person | undefined
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "gpio-terminal-"))
  })
  afterEach(() => {
    person?.kill()
    rmSync(folder, { recursive: true })
  })

  function sitsDown(TERM: string): Person {
    person = new Person(`"${process.execPath}" "${MAIN}" --port sim gpio set -i LED=1 OUT=0`, {
      ...plainEnvironment(),
      SHELL: "/bin/sh",
      XDG_STATE_HOME: folder,
      TERM,
    })
    return person
  }

  it("completes words, tells what is wrong and goes on, and brings back lines", async () => {
    const at = sitsDown("xterm")
    await at.reads(PROMPT)
    // a tab amid others is one that was pasted
    for (const [keys, shown] of [
      ["tog", "tog"],
      ["\t", "gle "],
      ["OU", "OU"],
      ["\t", "T "],
    ] as const) {
      at.types(keys)
      await at.reads(shown)
    }
    at.types("\r")
    await at.reads(PROMPT)
    at.types("frob\r")
    await at.reads("hint: help lists them.\n")
    await at.reads(PROMPT)
    at.types("get\r")
    await at.reads('"LED"=active "OUT"=active\n')
    await at.reads(PROMPT)
    at.types(`${UP}${UP}${UP}\r`)
    await at.reads("toggle OUT")
    await at.reads(PROMPT)
    at.types("get OUT\r")
    await at.reads('"OUT"=inactive\n')
    await at.reads(PROMPT)
    at.types("sleep 9m\r")
    await at.reads("sleep 9m")
    at.types("\x03")
    expect(await at.ended()).toBe(0)
    const history = readFileSync(path.join(folder, "virtio-msg", "gpio-set-history"), "utf8")
    expect(history.split("\n")).toEqual(expect.arrayContaining(["toggle OUT ", "get", "get OUT"]))
  })

  it("takes lines from a terminal that cannot move its cursor, and ends with Ctrl-D", async () => {
    const at = sitsDown("dumb")
    await at.reads(PROMPT)
    at.types("get\n")
    await at.reads('"LED"=active "OUT"=inactive\n')
    await at.reads(PROMPT)
    at.types("\x04")
    expect(await at.ended()).toBe(0)
  })
})
