// Pulling the cable, a board that starts again, and one that hangs, during every command that uses a board: the command
// says what happened and what to do next; it ends by itself, or goes on and ends when it is told; never a stack trace.

import { closeSync, constants, openSync } from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { openPty } from "../../host/src/node/pty.js"
import { UNLESS_LINUX } from "../support/because.js"
import { FakeCable, type Trouble } from "../support/fake-cable.js"
import { Simulator, spawnCommand, startUntilLine, virtioMsg, withFolder } from "./command.js"
import { allCommands } from "./help-examples.js"

const TROUBLES: readonly Trouble[] = ["pull", "restart", "silence"]

interface Consequence {
  readonly says?: RegExp
  /** The code with which it ends by itself; without one it goes on. */
  readonly code?: number
  /** The code with which it ends when it is told to; 0 when absent. */
  readonly toldCode?: number
}

/** What becomes of a command that runs until it is told to end. */
interface Lasting {
  readonly line: string
  /** What it says when it is ready, on either stream. */
  readonly ready: RegExp
  /** By trouble: what it says then, and with which code it ends. */
  readonly upon: Readonly<Record<Trouble, Consequence>>
  /** Whether its standard input is a terminal. */
  readonly isAtTerminal?: true
}

/** Why a command is not tried here. */
interface Elsewhere {
  readonly why: string
}

/** How a command is used: lines that end by themselves, and those that do not. */
type Use = string | Lasting | Elsewhere

const NO_BOARD: Elsewhere = { why: "it talks to no board" }
const GROUP: Elsewhere = { why: "it only lists its subcommands" }
const IS_GONE = { says: /^error: .+ is gone\.\nhint: .+\n$/m, code: 3 }
const GOES_ON: Consequence = {}
/** What the page shows runs on, too, until it is interrupted. */
const INTERRUPTED = { toldCode: 130 }

/** Every command that `virtio-msg --help` and its children list. A new one has to say here what it does. */
const USES: Readonly<Record<string, readonly Use[]>> = {
  "": [GROUP],
  demo: ["demo"],
  info: [
    "info",
    {
      line: "info --watch",
      ready: /^Device 3 /m,
      upon: {
        pull: IS_GONE,
        restart: { says: /^! .+ started again\. Its devices are found anew\.$/m },
        silence: GOES_ON,
      },
    },
  ],
  i2c: [GROUP],
  "i2c detect": ["i2c detect"],
  "i2c get": ["i2c get 0x54 14"],
  "i2c set": ["i2c set 0x54 14 0x25"],
  "i2c dump": ["i2c dump 0x50"],
  "i2c transfer": ["i2c transfer w1@0x50 0x00 r8"],
  conform: ["conform --row V57"],
  "conform driver": [NO_BOARD],
  gpio: [GROUP],
  "gpio detect": ["gpio detect"],
  "gpio info": ["gpio info"],
  "gpio get": ["gpio get BUTTON"],
  "gpio set": [
    "gpio set -t 0 LED=1",
    {
      line: "gpio set LED=1",
      ready: /Ctrl-C/,
      upon: {
        pull: IS_GONE,
        restart: { says: /^error: .+ started again\.\nhint: Try again; .+\n$/m, code: 1 },
        silence: GOES_ON,
      },
    },
  ],
  "gpio monitor": [
    "gpio monitor -n 1 CLOCK",
    {
      line: "gpio monitor CLOCK",
      ready: /"CLOCK"$/m,
      upon: {
        pull: IS_GONE,
        restart: { says: /started again\. Watching again; edges in between are lost\.$/m },
        silence: GOES_ON,
      },
    },
  ],
  "gpio notify": [NO_BOARD],
  sensor: ["sensor bme280@0x76"],
  rng: ["rng --bytes 1000 --hex"],
  rtc: ["rtc --plug"],
  console: [
    "console stats",
    {
      line: "console",
      isAtTerminal: true,
      ready: /^The console of /m,
      upon: { pull: IS_GONE, restart: { says: /started again\.$/m }, silence: GOES_ON },
    },
  ],
  sim: [{ why: "it is the board" }],
  serve: [
    {
      line: "serve --socket SOCKET",
      ready: /^Add these arguments/m,
      upon: { pull: { says: /^The board is gone\.$/m }, restart: GOES_ON, silence: GOES_ON },
    },
  ],
  linux: [{ why: "test/linux/unplug.test.ts does it with a guest" }],
  attach: [{ why: "it wants root and vhci-hcd; test/linux/stock does it in a guest" }],
  detach: [NO_BOARD],
  usbip: [{ why: "test/linux/stock takes its board away and gives it back" }],
  trace: [
    "trace -- i2c detect",
    {
      line: "trace -- info --watch",
      ready: /^Device 3 /m,
      upon: { pull: IS_GONE, restart: { says: /Its devices are found anew\.$/m }, silence: GOES_ON },
    },
  ],
  dashboard: [
    {
      line: "dashboard --listen 0 -- info --watch",
      ready: /^Device 3 /m,
      upon: {
        pull: { says: /^error: .+ is gone\.\nhint: .+\nThe command has ended with 3\./m, toldCode: 3 },
        restart: { says: /Its devices are found anew\.$/m, ...INTERRUPTED },
        silence: INTERRUPTED,
      },
    },
  ],
  wireshark: [NO_BOARD],
  boards: [NO_BOARD],
  ports: [NO_BOARD],
  completion: [NO_BOARD],
  man: [NO_BOARD],
  flash: [{ why: "test/host/flash does it with a drive, and with a boot loader in ROM" }],
  deploy: ["deploy --simulated --devices i2c"],
  doctor: ["doctor"],
  logs: [
    {
      line: "logs",
      ready: /^Listening on /m,
      upon: { pull: IS_GONE, restart: GOES_ON, silence: GOES_ON },
    },
  ],
}

const uses = Object.values(USES).flat()
const ending = uses.filter((use) => typeof use === "string")
const lasting = uses.filter((use) => typeof use === "object" && "line" in use)

/** What they print is a report, and what went wrong stands in it. */
const REPORTS: ReadonlyMap<string, RegExp> = new Map([
  ["doctor", /^failed {2,}.+\n +next: .+/m],
  ["conform --row V57", /^V57 +BLOCKED .+\n(.*\n)* +No response to [A-Z_]+\.$/m],
])

/** After so many frames of the board's: in the search for it or in HELLO; and in the middle of the work. */
const SEARCH = 2
const WORK = 8
/** Those that find their board in a way of their own; the others find it as the first of them does. */
const SEARCHERS = ["info", "demo", "conform --row V57", "deploy --simulated --devices i2c", "doctor"]

describe("the commands that the help texts list", () => {
  it("are all in the table of what they do when the board goes", async () => {
    expect(Object.keys(USES).sort()).toEqual((await allCommands()).sort())
  })
})

async function run(command: string, trouble: Trouble, afterFrames: number) {
  let outcome = { code: null as number | null, stdout: "", stderr: "" }
  let wasThere = false
  await withFolder(async (folder) => {
    const cable = await FakeCable.lay(path.join(folder, "board.sock"), trouble, afterFrames)
    outcome = await virtioMsg(`--port ${cable.port} ${command}`)
    wasThere = cable.troubleCount > 0
    await cable.takeUp()
  })
  return { ...outcome, wasThere }
}

/** A command either was done before the trouble came, or says what happened. */
function expectSentence(command: string, { code, stdout, stderr }: Awaited<ReturnType<typeof run>>): void {
  expect({ command, code, stderr }).not.toEqual({ command, code: null, stderr })
  if (code === 0) return
  const report = REPORTS.get(command)
  const said = report && stderr === "" ? stdout : stderr
  expect({ command, code, said }).toEqual({
    command,
    code: expect.toSatisfy((value) => value === 1 || value === 3),
    said: expect.stringMatching(report && stderr === "" ? report : /^error: .+\nhint: (?:.+\n)+$/m),
  })
}

describe.concurrent.each(TROUBLES)("%s", (trouble) => {
  it.each(ending)("during %s", async (command) => {
    for (const moment of SEARCHERS.includes(command) ? [SEARCH, WORK] : [WORK]) {
      const outcome = await run(command, trouble, moment)
      expect(outcome.wasThere).toBe(true)
      expectSentence(command, outcome)
      if (trouble === "pull" && !REPORTS.has(command)) {
        expect(outcome.code).not.toBe(0)
        expect(outcome.stderr).toMatch(/ is gone\.| closed while |Cannot connect/)
      }
    }
  })
})

/** What a process says on both its streams, and waiting for it. */
class Said {
  text = ""
  readonly code: Promise<number | null>
  #onText: () => void = () => {}

  constructor(child: ReturnType<typeof spawnCommand>) {
    this.code = new Promise((resolve) => child.once("close", resolve))
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => {
        this.text += chunk
        this.#onText()
      })
  }

  /** Rejects when the process ends without having said so. */
  once(wanted: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onText = () => {
        if (wanted.test(this.text)) resolve()
      }
      this.#onText()
      this.code.then((code) =>
        reject(new Error(`It ended with ${code} and never said ${wanted}: ${this.text}`)),
      )
    })
  }
}

describe.skipIf(UNLESS_LINUX).concurrent.each(TROUBLES)(`%s${UNLESS_LINUX}`, (trouble) => {
  it.each(lasting)("while $line runs", ({ line, ready, upon, isAtTerminal }) =>
    withFolder(async (folder) => {
      const cable = await FakeCable.lay(path.join(folder, "board.sock"), trouble)
      const terminal = isAtTerminal ? await openPty() : undefined
      const input = terminal ? openSync(terminal.path, constants.O_RDWR | constants.O_NOCTTY) : undefined
      const args = `--port ${cable.port} ${line.replace("SOCKET", path.join(folder, "vu.sock"))}`.split(" ")
      const child = spawnCommand(args, { XDG_RUNTIME_DIR: folder }, input)
      const said = new Said(child)
      await said.once(ready)
      cable.cause()
      const { says, code, toldCode = 0 } = upon[trouble]
      if (says) await said.once(says)
      if (code === undefined) child.kill("SIGTERM")
      expect(await said.code).toBe(code ?? toldCode)
      expect(said.text).not.toMatch(/^ +at /m)
      expect(said.text).not.toContain("a defect of virtio-msg")
      await cable.takeUp()
      if (input !== undefined) closeSync(input)
      terminal?.close()
    }),
  )
})

describe.skipIf(UNLESS_LINUX)(`a serial port that goes away${UNLESS_LINUX}`, () => {
  it("ends logs with a sentence", async () => {
    const board = await Simulator.start("pty")
    const logs = await startUntilLine(["--port", board.port, "logs"], "stderr")
    await board.kill()
    const { code, stderr } = await logs.ended
    expect(code).toBe(3)
    expect(stderr).toBe(
      `Listening on ${board.port}; Ctrl-C ends it.\nerror: ${board.port} is gone.\nhint: Plug the board in again.\n`,
    )
  })
})

describe.skipIf(UNLESS_LINUX)(`a board that goes and comes back${UNLESS_LINUX}`, () => {
  it("is told of by serve, which goes on", () =>
    withFolder(async (folder) => {
      const listen = `unix:${path.join(folder, "board.sock")}`
      const first = await Simulator.start(listen)
      const serve = spawnCommand(["--port", listen, "serve", "--socket", path.join(folder, "vu.sock")])
      const said = new Said(serve)
      await said.once(/Add these arguments/)
      await first.kill()
      await said.once(/The board is gone\.\n/)
      const second = await Simulator.start(listen)
      await said.once(/The board is back\.\n/)
      serve.kill("SIGTERM")
      expect(await said.code).toBe(0)
      expect(said.text).not.toMatch(/^ +at /m)
      await second.stop()
    }))
})
