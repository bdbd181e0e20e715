// Every command's help has examples, and every example runs.

import { readFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { Simulator, stdoutOf, virtioMsg, withFolder } from "./command.js"

const COMMANDS = [
  "",
  "demo",
  "info",
  "i2c",
  "i2c detect",
  "i2c get",
  "i2c set",
  "i2c dump",
  "i2c transfer",
  "sim",
]

/** The lines of a help text that can be typed, without the prompt. */
function examplesIn(help: string): string[] {
  return [...help.matchAll(/^ *\$ virtio-msg (.+)$/gm)].flatMap(([, line]) => line ?? [])
}

/** Runs the lines as a shell would; a line that ends in & runs until the others are done. */
async function runExamples(lines: readonly string[]): Promise<void> {
  await withFolder(async (folder) => {
    const background: Simulator[] = []
    for (const typed of lines) {
      const line = typed.replaceAll("/tmp/", `${folder}${path.sep}`)
      const [, listen] = /^sim --listen (\S+) &$/.exec(line) ?? []
      if (listen) background.push(await Simulator.start(listen))
      else await stdoutOf(line)
    }
    for (const simulator of background) expect((await simulator.stop()).code).toBe(0)
  })
}

describe.concurrent("--help", () => {
  it.each(COMMANDS)("of virtio-msg %s has examples that run", async (command) => {
    const help = await stdoutOf(`${command} --help`)
    expect(help).toMatch(new RegExp(`^Usage: virtio-msg ${command}`))
    const examples = examplesIn(help)
    expect(examples).not.toEqual([])
    await runExamples(examples)
  })

  it("is also what help prints", async () => {
    expect(await stdoutOf("help demo")).toBe(await stdoutOf("demo --help"))
  })

  it("names the exit codes", async () => {
    expect(await stdoutOf("--help")).toContain("Exit codes: 0 done, 1 ")
  })
})

describe("--version", () => {
  it("is the package's", async () => {
    const manifest: { version: string } = JSON.parse(
      readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
    )
    expect(await virtioMsg("--version")).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: "" })
  })
})
