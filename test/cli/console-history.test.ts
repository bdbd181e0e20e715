// The console's history, whatever is in its file or in the file's place.

import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { ConsoleHistory, MOST_LINES } from "../../host/src/cli/console-history.js"
import { UNLESS_LINUX } from "../support/because.js"

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-history-"))
  file = path.join(folder, "state", "virtio-msg", "console-history")
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function put(content: string | Uint8Array): void {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, content)
}

describe("the console's history", () => {
  it("is there the next time, the newest line first, for its owner only", () => {
    const first = new ConsoleHistory(file)
    expect(first.newestFirst).toEqual([])
    for (const line of ["chips", "help", "help", "", "  ", " secret", "stats"]) first.add(line)
    const next = new ConsoleHistory(file)
    expect(next.newestFirst).toEqual(["stats", "help", "chips"])
    expect(next.trouble).toBeUndefined()
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700)
  })

  it("of two consoles at a time keeps the lines of both", () => {
    const [one, other] = [new ConsoleHistory(file), new ConsoleHistory(file)]
    one.add("chips")
    other.add("stats")
    one.add("help")
    expect(new ConsoleHistory(file).newestFirst).toEqual(["help", "stats", "chips"])
  })

  it("skips what nobody can have typed", () => {
    put(Buffer.from("chips\n\u001b[2Jevil\nhel\0p\n\xff\xfe\n\nstats\nhalf", "latin1"))
    const history = new ConsoleHistory(file)
    expect(history.newestFirst).toEqual(["half", "stats", "chips"])
    expect(history.trouble).toBeUndefined()
    put(`${"x".repeat(100_000)}\nhelp\n`)
    expect(new ConsoleHistory(file).newestFirst).toEqual(["help"])
  })

  it("does not grow without end", () => {
    put("a line of some length\n".repeat(100_000))
    expect(new ConsoleHistory(file).newestFirst).toHaveLength(MOST_LINES)
    expect(readFileSync(file, "utf8").split("\n")).toHaveLength(MOST_LINES + 1)
  })

  it("says why it is not kept, and is one all the same", () => {
    mkdirSync(file, { recursive: true })
    const history = new ConsoleHistory(file)
    expect(history.trouble).toMatch(/is no file|EISDIR/)
    history.add("chips")
    expect(history.newestFirst).toEqual(["chips"])

    writeFileSync(path.join(folder, "blocked"), "")
    const nowhere = new ConsoleHistory(path.join(folder, "blocked", "console-history"))
    nowhere.add("chips")
    expect(nowhere.trouble).toMatch(/ENOTDIR|EEXIST/)
    expect(nowhere.newestFirst).toEqual(["chips"])
  })

  it.skipIf(UNLESS_LINUX)(`does not wait for a pipe in its place${UNLESS_LINUX}`, () => {
    mkdirSync(path.dirname(file), { recursive: true })
    spawnSync("mkfifo", [file])
    expect(new ConsoleHistory(file).trouble).toMatch(/is no file/)
  })
})
