// What commands print for programs, and for people: JSON from every command that prints data, colours as --color and the
// environment say, progress at a terminal only.

import type { Command } from "commander"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { loadProgram } from "../../host/src/cli/bare-program.js"
import { COMMANDS } from "../../host/src/cli/commands.js"
import { Progress, sayWhile } from "../../host/src/cli/progress.js"
import { virtioMsg } from "./command.js"

// it looks for package.json beside dist/
vi.mock("../../host/src/cli/version.js", () => ({ application: () => "test", packageVersion: () => "0" }))

/** Why a command has no --json. */
const NOT_JSON: Readonly<Record<string, string>> = {
  demo: "it is a story for people; trace --json has the messages",
  "gpio set": "it prints nothing",
  "gpio notify": "it is always refused",
  console: "it passes on what the board's shell prints",
  sim: "its one line is the port, for scripts",
  serve: "its lines are arguments of QEMU",
  linux: "it passes on what a Linux prints",
  attach: "each line is a path, for scripts",
  usbip: "its lines are commands for the other computer",
  dashboard: "its one line is the address of the page, for scripts",
  completion: "it prints a script",
  man: "it prints a page",
}

function leavesOf(command: Command, path = ""): { path: string; command: Command }[] {
  if (path !== "" && command.commands.length === 0) return [{ path, command }]
  const own = path === "conform" ? [{ path, command }] : []
  return [...own, ...command.commands.flatMap((child) => leavesOf(child, `${path} ${child.name()}`.trim()))]
}

describe("--json", () => {
  it("is an option of every command that prints data; the others say why not", async () => {
    const leaves = leavesOf(await loadProgram(COMMANDS))
    expect(leaves.length).toBeGreaterThan(30)
    const without = leaves.filter(({ command }) => !command.options.some(({ long }) => long === "--json"))
    expect(without.map(({ path }) => path).sort()).toEqual(Object.keys(NOT_JSON).sort())
  })
})

describe.concurrent("colours", () => {
  const ESCAPE = "\u001b["
  it.each([
    ["boards", {}, false],
    ["boards", { FORCE_COLOR: "1" }, true],
    ["boards", { FORCE_COLOR: "0" }, false],
    ["boards", { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
    ["--color always boards", { NO_COLOR: "1" }, true],
    ["boards --color always", {}, true],
    ["boards --color=never", { FORCE_COLOR: "1" }, false],
    ["--color auto boards", {}, false],
  ])("of %s with %o", async (line, env, areThere) => {
    const { code, stdout } = await virtioMsg(line, env)
    expect({ code, areThere: stdout.includes(ESCAPE) }).toEqual({ code: 0, areThere })
  })

  it("are one of three", async () => {
    expect(await virtioMsg("--color sometimes boards")).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "error: option '--color <when>' argument 'sometimes' is invalid. Allowed choices are auto, always, never.\n" +
        "hint: See virtio-msg --help\n",
    })
  })
})

describe("progress", () => {
  let screen = ""
  beforeEach(() => {
    vi.useFakeTimers()
    screen = ""
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      screen += text
      return true
    })
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
    vi.unstubAllGlobals()
  })

  function atTerminal(isThere: boolean): void {
    Object.defineProperty(process.stderr, "isTTY", { value: isThere, configurable: true })
  }

  it("of a long wait is said after two seconds, counts them, and leaves nothing behind", async () => {
    atTerminal(true)
    let finish: (value: number) => void = () => {}
    const work = sayWhile("Waiting for the firmware", new Promise<number>((resolve) => (finish = resolve)))
    vi.advanceTimersByTime(1999)
    expect(screen).toBe("")
    vi.advanceTimersByTime(2001)
    expect(screen).toContain("\r\u001b[KWaiting for the firmware ... 2 s")
    expect(screen).toMatch(/ \.\.\. [34] s$/)
    finish(7)
    expect(await work).toBe(7)
    expect(screen.endsWith("\r\u001b[K")).toBe(true)
    const before = screen
    vi.advanceTimersByTime(10_000)
    expect(screen).toBe(before)
  })

  it("of a wait that fails leaves nothing behind either", async () => {
    atTerminal(true)
    let fail: (error: Error) => void = () => {}
    const work = sayWhile("Waiting", new Promise<never>((_, reject) => (fail = reject)))
    vi.advanceTimersByTime(2500)
    fail(new Error("gone"))
    await expect(work).rejects.toThrow("gone")
    expect(screen.endsWith("\r\u001b[K")).toBe(true)
  })

  it("is not for pipes", async () => {
    atTerminal(false)
    const progress = new Progress("Checking")
    progress.show(1, 2)
    progress.end()
    const work = sayWhile("Waiting", new Promise<void>((resolve) => setTimeout(resolve, 10_000)))
    vi.advanceTimersByTime(10_000)
    await work
    expect(screen).toBe("")
  })

  it("shows what is new, in one line that goes", () => {
    atTerminal(true)
    const progress = new Progress("Checking", true)
    progress.show(1, 4)
    expect(screen).toBe("")
    vi.advanceTimersByTime(2000)
    progress.show(2, 4)
    progress.show(2, 4)
    progress.show(3, 4)
    progress.clear()
    progress.clear()
    expect(screen).toBe("\rChecking   50 %\rChecking   75 %\r\u001b[K")
  })
})
