// Every command's help has examples, and every example runs.

import { readFileSync } from "node:fs"
import { readdir } from "node:fs/promises"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { foldHelp, helpWidth } from "../../host/src/cli/fold-help.js"
import { stdoutOf, virtioMsg, virtioMsgProcess, withFolder } from "./command.js"
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

describe.concurrent("--help", () => {
  it.each(commands)("of virtio-msg %s has examples that run", async (command) => {
    const help = await stdoutOf(`${command} --help`)
    expect(help).toMatch(new RegExp(`^Usage: virtio-msg ${command}`))
    // in a pipe, too; but for commands, which are copied whole
    expect(help.split("\n").filter((line) => line.length > 80 && !line.startsWith("  $ "))).toEqual([])
    const examples = examplesIn(help)
    expect(examples).not.toEqual([])
    if (!(command in RUN_ELSEWHERE)) await runExamples(examples)
  })

  it("is as wide as the terminal", () => {
    const text = "One two three\nfour five.\n\nList:\n  a  stays as it is, whatever its length\nEnd."
    expect(foldHelp(text, 21)).toBe(
      "One two three four\nfive.\n\nList:\n  a  stays as it is, whatever its length\nEnd.",
    )
    expect(helpWidth({ isTTY: true, columns: 132 })).toBe(132)
    expect(helpWidth({})).toBe(80)
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

describe("a command", () => {
  /** The files of ours that a command line loads, from dist/. */
  async function filesLoadedBy(line: string): Promise<string[]> {
    let files: string[] = []
    await withFolder(async (folder) => {
      await virtioMsgProcess(line, { NODE_V8_COVERAGE: folder })
      const reports = (await readdir(folder)).map((name) => readFileSync(path.join(folder, name), "utf8"))
      const urls: string[] = reports.flatMap((report) =>
        JSON.parse(report).result.map(({ url }: { url: string }) => url),
      )
      files = urls.filter((url) => /\/dist\/(host|boards|shared-protocol)\//.test(url))
    })
    return files
  }

  it("loads little for a help text: what it takes is what a person waits for", async () => {
    const files = await filesLoadedBy("--help")
    expect(files.length).toBeGreaterThan(5)
    expect(files.length).toBeLessThan(25)
    expect(files.filter((url) => /\/(link|bus|vm|deploy|flash|boards)\//.test(url))).toEqual([])
  })

  it("lists ports without the bus, the VM and the serial port's package", async () => {
    const files = await filesLoadedBy("ports")
    expect(files.filter((url) => /\/(link|bus|vm|deploy|flash)\//.test(url))).toEqual([])
    expect(files.length).toBeLessThan(50)
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
