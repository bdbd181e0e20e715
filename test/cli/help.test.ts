// Every command's help has examples, and every example runs.

import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { stdoutOf, virtioMsg } from "./command.js"
import { allCommands, examplesIn, RUN_ELSEWHERE, runExamples } from "./help-examples.js"

const commands = await allCommands()

describe("the commands that the help texts list", () => {
  it("are found, with their subcommands", () => {
    expect(commands).toEqual(expect.arrayContaining(["", "demo", "i2c", "i2c transfer", "sim", "linux"]))
  })

  it("have an example each that runs here, or in the test that is named", () => {
    expect(commands).toEqual(expect.arrayContaining(Object.keys(RUN_ELSEWHERE)))
  })
})

// a machine that is busy with other tests takes long over the longest examples
describe.concurrent("--help", { timeout: 90_000 }, () => {
  it.each(commands)("of virtio-msg %s has examples that run", async (command) => {
    const help = await stdoutOf(`${command} --help`)
    expect(help).toMatch(new RegExp(`^Usage: virtio-msg ${command}`))
    const examples = examplesIn(help)
    expect(examples).not.toEqual([])
    if (!(command in RUN_ELSEWHERE)) await runExamples(examples)
  })

  it("is also what help prints", async () => {
    expect(await stdoutOf("help demo")).toBe(await stdoutOf("demo --help"))
    expect(await stdoutOf("help i2c get")).toBe(await stdoutOf("i2c get --help"))
    expect(await stdoutOf("i2c help get")).toBe(await stdoutOf("i2c get --help"))
    expect(await stdoutOf("help")).toBe(await stdoutOf("--help"))
  })

  it("is no answer to help for a command that does not exist", async () => {
    expect(await virtioMsg("help dmeo")).toEqual({
      code: 2,
      stdout: "",
      stderr: "error: unknown command 'dmeo'\nhint: Did you mean demo?\nhint: See virtio-msg --help\n",
    })
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
