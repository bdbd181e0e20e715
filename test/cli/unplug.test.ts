// Pulling the cable, a board that starts again, and one that hangs, during every command that uses a board: the command
// ends by itself, with a sentence and what to do next, never with a stack trace.

import path from "node:path"
import type { Readable } from "node:stream"
import { describe, expect, it } from "vitest"
import { FakeCable, type Trouble } from "../support/fake-cable.js"
import { Simulator, spawnCommand, startUntilLine, virtioMsg, withFolder } from "./command.js"

/** Every command that talks to a board and ends by itself. */
const COMMANDS = [
  "demo",
  "info",
  "i2c detect",
  "i2c set 0x54 14 0x25",
  "i2c dump 0x50",
  "gpio info",
  "rng --bytes 1000 --hex",
  "console stats",
  "conform --row V57",
  "trace -- i2c detect",
  "doctor",
  "deploy --simulated --devices i2c",
]

/** What they print is a report, and what went wrong stands in it. */
const REPORTS: ReadonlyMap<string, RegExp> = new Map([
  ["doctor", /^failed {2,}.+\n +next: .+/m],
  ["conform --row V57", /^V57 +BLOCKED .+\n(.*\n)* +No response to [A-Z_]+\.$/m],
])

/** After so many frames of the board's: in the search for it or in HELLO, and in the middle of the work. */
const MOMENTS = [2, 8]

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
    said: expect.stringMatching(report && stderr === "" ? report : /^error: .+\nhint: .+\n$/m),
  })
}

describe.concurrent.each<Trouble>(["pull", "restart", "silence"])("%s", (trouble) => {
  it.each(COMMANDS)("during %s", async (command) => {
    let troubles = 0
    for (const moment of MOMENTS) {
      const outcome = await run(command, trouble, moment)
      if (outcome.wasThere) troubles++
      expectSentence(command, outcome)
      if (trouble === "pull" && outcome.code !== 0 && !REPORTS.has(command))
        expect(outcome.stderr).toMatch(/ is gone\.| closed while |Cannot connect/)
    }
    expect(troubles).toBeGreaterThan(0)
  })
})

describe.skipIf(process.platform !== "linux")("a serial port that goes away", () => {
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

describe.skipIf(process.platform !== "linux")("a board that goes and comes back", () => {
  it("is told of by serve, which goes on", () =>
    withFolder(async (folder) => {
      const listen = `unix:${path.join(folder, "board.sock")}`
      const first = await Simulator.start(listen)
      const serve = spawnCommand(["--port", listen, "serve", "--socket", path.join(folder, "vu.sock")])
      const said = new Said(serve.stderr)
      await said.once("Add these arguments")
      await first.kill()
      await said.once("The board is gone.\n")
      const second = await Simulator.start(listen)
      await said.once("The board is back.\n")
      const code = new Promise((resolve) => serve.once("close", resolve))
      serve.kill("SIGTERM")
      expect(await code).toBe(0)
      expect(said.text).not.toMatch(/^ +at /m)
      await second.stop()
    }))
})

/** What a stream says, and waiting for it. */
class Said {
  text = ""
  #onText: () => void = () => {}

  constructor(stream: Readable) {
    stream.on("data", (chunk) => {
      this.text += chunk
      this.#onText()
    })
  }

  once(wanted: string): Promise<void> {
    return new Promise((resolve) => {
      this.#onText = () => {
        if (this.text.includes(wanted)) resolve()
      }
      this.#onText()
    })
  }
}
