// The man page: it says what the help texts say, and the tools that read man pages find nothing wrong with it.

import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import type { Command } from "commander"
import { beforeAll, describe, expect, it, vi } from "vitest"
import { loadProgram } from "../../host/src/cli/bare-program.js"
import { COMMANDS } from "../../host/src/cli/commands.js"
import { stdoutOf } from "./command.js"

// it looks for package.json beside dist/
vi.mock("../../host/src/cli/version.js", () => ({ application: () => "test", packageVersion: () => "0" }))

const ROOT = path.join(import.meta.dirname, "../..")
const isMissing = spawnSync("mandoc", ["-V"]).error !== undefined
if (isMissing && process.env.CI) throw new Error("In CI nothing may be missing: apt-get install mandoc")
const skipped = isMissing ? " (skipped: enable with: apt-get install mandoc)" : ""

let page = ""
beforeAll(async () => {
  page = await stdoutOf("man")
})

describe("the man page", () => {
  it("is in the package, as the build made it", () => {
    const { man } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"))
    expect(existsSync(path.join(ROOT, man))).toBe(true)
    expect(readFileSync(path.join(ROOT, man), "utf8")).toBe(page)
  })

  it("has every command", async () => {
    const titles = [...page.matchAll(/^\.SS virtio\\-msg (.+)$/gm)].map(([, title = ""]) =>
      title.replaceAll("\\-", "-"),
    )
    const pathsOf = (command: Command, path: string): string[] =>
      command.commands.flatMap((child) => [
        `${path}${child.name()}`,
        ...pathsOf(child, `${path}${child.name()} `),
      ])
    const paths = pathsOf(await loadProgram(COMMANDS), "")
    expect(paths).toContain("i2c transfer")
    expect(titles.map((title) => title.replace(/ [[<].*$/, ""))).toEqual(paths)
  })

  it.skipIf(isMissing)(`is sound, and readable${skipped}`, () => {
    // it has no date: it would be another page after every build
    const lint = spawnSync("mandoc", ["-Tlint", "-Wwarning"], { input: page, encoding: "utf8" })
    const faults = lint.stdout.split("\n").filter((line) => line !== "" && !/missing date/.test(line))
    expect(faults).toEqual([])
    const { stdout } = spawnSync("mandoc", ["-Tutf8", "-Owidth=80"], { input: page, encoding: "utf8" })
    // what is printed twice for bold is read once
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a backspace is one
    const text = stdout.replace(/.\u0008/g, "")
    expect(text).toMatch(/^NAME\n +virtio-msg - drives the virtio devices/m)
    expect(text).toMatch(/^ +-p, --port <port>$/m)
    expect(text).toMatch(/^ +virtio-msg --port sim i2c get 0x54 14$/m)
    expect(text).toMatch(/^EXIT STATUS\n +0 +Done\./m)
    expect(text.split("\n").filter((line) => line.length > 80 && !line.includes("virtio-msg"))).toEqual([])
  })
})
