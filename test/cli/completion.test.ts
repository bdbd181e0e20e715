// What the shells complete, by the table of commands; and in the real bash, zsh and fish.

import { spawnSync } from "node:child_process"
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import { loadProgram } from "../../host/src/cli/bare-program.js"
import { COMMANDS } from "../../host/src/cli/commands.js"
import { complete } from "../../host/src/cli/completion.js"
import { listBoard } from "../../host/src/node/simulated-boards.js"
import { FakeRoot, PICO_USB } from "../support/fake-root.js"
import { Person } from "../support/person.js"
import { MAIN, plainEnvironment, stdoutOf, virtioMsg } from "./command.js"

// it looks for package.json beside dist/
vi.mock("../../host/src/cli/version.js", () => ({ application: () => "test", packageVersion: () => "0" }))

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-completion-"))
  const file = path.join(folder, "virtio-msg")
  await writeFile(file, `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`)
  await chmod(file, 0o755)
})
afterAll(() => rm(folder, { recursive: true, force: true }))
afterEach(() => {
  vi.unstubAllEnvs()
})

/** The values that complete a line, as one types it. */
async function next(line: string): Promise<string[]> {
  const words = line.split(" ")
  const { candidates, wantsFiles } = await complete(COMMANDS, words.slice(0, -1), words.at(-1) ?? "")
  return [...candidates.map(({ value }) => value), ...(wantsFiles ? [":files"] : [])]
}

describe("a command line is completed with", () => {
  it.each([
    ["i2", ["i2c"]],
    ["i2c de", ["detect"]],
    ["i2c ", ["detect", "get", "set", "dump", "transfer", "help"]],
    ["--port sim gpio mo", ["monitor"]],
    ["gpio mon --ban", ["--banner"]],
    ["i2c get --j", ["--json"]],
    ["i2c get 0x54 --po", ["--port"]],
    ["gpio monitor --edges ", ["rising", "falling", "both"]],
    ["gpio monitor -e f", ["falling"]],
    ["gpio monitor --edges=f", ["--edges=falling"]],
    ["gpio get -c ", ["gpiochip0"]],
    ["--color n", ["never"]],
    ["flash --board pico_", ["pico_w"]],
    ["--trace ", [":files"]],
    ["sim --flash ", [":files"]],
    ["sim --listen p", ["pty", "plain:unix:"]],
    ["conform --row V57", ["V57"]],
    ["completion f", ["fish"]],
    ["help senso", ["sensor"]],
    ["trace i2c det", ["detect"]],
    ["trace -- --port si", ["sim"]],
    ["dashboard -- gpio in", ["info"]],
    ["sensor lm", ["lm75"]],
    ["i2c get 0x54 ", []],
  ])("%s", async (line, expected) => {
    const found = await next(line)
    if (line === "trace i2c det" || expected.length > 0)
      expect(found).toEqual(expect.arrayContaining(expected))
    if (expected.length === 1 || expected.length === 0) expect(found).toEqual(expected)
  })

  it("every command and option that a help text shows, and nothing else", async () => {
    const program = await loadProgram(COMMANDS)
    for (const command of program.commands) {
      expect(await next(command.name())).toContain(command.name())
      const shown = command
        .createHelp()
        .visibleOptions(command)
        .flatMap(({ long, short }) => long ?? short ?? [])
      expect({ of: command.name(), options: await next(`${command.name()} -`) }).toEqual({
        of: command.name(),
        options: [...shown, "--port", "--trace", "--color"],
      })
    }
  })

  it("the ports and the simulated boards that are there", async () => {
    const root = new FakeRoot(path.join(folder, "root"))
    const port = await root.addUsbPort("ttyACM0", { ...PICO_USB, serial: "E661AA" })
    for (const [name, value] of Object.entries(root.env)) vi.stubEnv(name, value)
    const unlist = listBoard("unix:/tmp/board.sock", "a simulated board")
    expect(await next("--port ")).toEqual(["sim", "auto", port, "serial:E661AA", "unix:/tmp/board.sock"])
    expect(await next("i2c detect --port s")).toEqual(["sim", "serial:E661AA"])
    unlist()
  })
})

describe("virtio-msg completion", () => {
  it("answers a shell with values, and what they are", async () => {
    expect(await stdoutOf("completion --line -- --port sim i2c det")).toBe(
      "detect\tList the chips on the bus (i2cdetect).\n",
    )
    expect(await stdoutOf("completion --line -- --trace x")).toBe(":files\n")
  })

  it("knows three shells", async () => {
    for (const line of ["completion", "completion csh", "completion bash zsh"]) {
      const { code, stderr } = await virtioMsg(line)
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: expect.stringMatching(
          /(is no shell that we know|No shell is named)\.\nhint: One of bash, zsh, fish: virtio-msg completion bash\n$/,
        ),
      })
    }
  })
})

const skipped = (shell: string) =>
  isMissing(shell) ? ` (skipped: enable with: apt-get install ${shell} bsdutils)` : ""

const isMissing = (shell: string) => {
  const missing =
    spawnSync(shell, ["--version"]).error !== undefined ||
    spawnSync("script", ["--version"]).error !== undefined
  if (missing && process.env.CI)
    throw new Error(`In CI nothing may be missing: apt-get install ${shell} bsdutils`)
  return missing
}

function environment(): NodeJS.ProcessEnv {
  const { XDG_RUNTIME_DIR } = new FakeRoot(path.join(folder, "root")).env
  return {
    ...plainEnvironment(),
    PATH: `${folder}:${process.env.PATH}`,
    HOME: folder,
    XDG_RUNTIME_DIR,
    XDG_CONFIG_HOME: folder,
    XDG_DATA_HOME: folder,
    SHELL: "/bin/sh",
  }
}

/** Keys at a prompt: each tabulator completes a word, and the line then does what it says. */
async function types(person: Person): Promise<void> {
  person.types("virtio-msg --port si\ti2c ge\t0x54 14\n")
  await person.reads("0x66\n")
  // a port with colons in it, and an option
  person.types("virtio-msg --por\tunix:/tmp/a-boar\ti2c dete\t\n")
  await person.reads("Cannot connect to unix:/tmp/a-board.sock")
  person.types("exit\n")
}

describe("in a real shell", () => {
  let unlist = () => {}
  beforeAll(() => {
    vi.stubEnv("XDG_RUNTIME_DIR", environment().XDG_RUNTIME_DIR ?? "")
    unlist = listBoard("unix:/tmp/a-board.sock", "a simulated board")
  })
  afterAll(() => unlist())

  it.skipIf(isMissing("bash"))(`bash${skipped("bash")}`, async () => {
    const person = new Person("bash --norc --noprofile -i", {
      ...environment(),
      INPUTRC: "/dev/null",
      PS1: "$ ",
      TERM: "dumb",
    })
    person.types("source <(virtio-msg completion bash)\n")
    await types(person)
    expect(await person.ended()).not.toBe(null)
  })

  it.skipIf(isMissing("zsh"))(`zsh${skipped("zsh")}`, async () => {
    const person = new Person("zsh -f -i", { ...environment(), TERM: "dumb", PS1: "$ " })
    person.types("autoload -Uz compinit; compinit -D; source <(virtio-msg completion zsh)\n")
    await types(person)
    expect(await person.ended()).not.toBe(null)
  })

  it.skipIf(isMissing("fish"))(`fish${skipped("fish")}`, () => {
    const ask = (line: string) => {
      const script = `virtio-msg completion fish | source; complete -C ${JSON.stringify(line)}`
      const { stdout, stderr } = spawnSync("fish", ["--no-config", "-c", script], {
        env: environment(),
        encoding: "utf8",
      })
      expect(stderr).toBe("")
      return stdout.trimEnd().split("\n")
    }
    expect(ask("virtio-msg i2c det")).toEqual(["detect\tList the chips on the bus (i2cdetect)."])
    expect(ask("virtio-msg --port unix:")).toEqual([
      `unix:/tmp/a-board.sock\ta simulated board, process ${process.pid}`,
    ])
    expect(
      ask("virtio-msg gpio monitor --edges ")
        .map((line) => line.split("\t")[0])
        .sort(),
    ).toEqual(["both", "falling", "rising"])
  })
})
