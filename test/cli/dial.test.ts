// A board that dials in, from deploying to a register read, as its user does it: every part is a process of its own.

import path from "node:path"
import { describe, expect, it } from "vitest"
import { UNLESS_LINUX } from "../support/because.js"
import { Simulator, spawnCommand, stdoutOf, virtioMsg, withFolder } from "./command.js"

/** An address of this computer that is this process's own, so that no other program has the port. */
function ownAddress(port: number): string {
  const { pid } = process
  return `127.${1 + ((pid >> 16) % 250)}.${(pid >> 8) & 255}.${1 + (pid % 250)}:${port}`
}

function withBoard(options: readonly string[], work: (port: string, folder: string) => Promise<void>) {
  return withFolder(async (folder) => {
    const simulator = await Simulator.start(`unix:${path.join(folder, "board.sock")}`, options)
    try {
      await work(simulator.port, folder)
    } finally {
      await simulator.stop()
    }
  })
}

/** A command on a port that listens says what it waits for, and nothing else. */
async function dialledOutput(where: string, line: string): Promise<string> {
  const { code, stdout, stderr } = await virtioMsg(`--port tcp-listen://${where} ${line}`)
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: `Waiting on tcp-listen://${where} for a board to dial in, 60 s at most.\n`,
  })
  return stdout
}

// only Linux has all of 127.0.0.0/8 without being told
describe.skipIf(UNLESS_LINUX).concurrent(`a board that dials in${UNLESS_LINUX}`, () => {
  it("is deployed to over its serial port, and then used by one command after the other", () =>
    withBoard(["--blank"], async (port) => {
      const where = ownAddress(7654)
      const deployed = await stdoutOf(`--port ${port} deploy --simulated --dial ${where}`)
      expect(deployed).toMatch(
        /^Board {6}DeviceScript Simulator \(WASM\) on unix:.*\nFirmware {3}\d+ bytes, /,
      )
      expect(deployed).toContain("\nVerified   the board holds it, byte for byte\n")
      expect(deployed).toContain(`\nDials      ${where}, every 2 s until somebody listens there\n`)
      expect(deployed).toContain(`\nNext: virtio-msg --port tcp-listen://${where} i2c detect\n`)
      const simulated = await stdoutOf("--port sim i2c detect")
      expect(await dialledOutput(where, "i2c detect")).toBe(simulated)
      expect(await dialledOutput(where, "i2c get 0x54 14")).toBe("0x66\n")
      const again = JSON.parse(await stdoutOf(`--port ${port} deploy --simulated --dial ${where} --json`))
      expect(again).toMatchObject({
        dial: where,
        wasThere: true,
        simulatedChips: true,
        firmwareVersion: null,
      })
    }))

  it("is not to be deployed to when it is used over its cable: that would undo its address", () =>
    withFolder(async (folder) => {
      const where = ownAddress(7656)
      const listen = `unix:${path.join(folder, "board.sock")}`
      const board = await Simulator.start(listen, ["--blank"])
      await stdoutOf(`--port ${listen} deploy --simulated --dial ${where}`)
      expect(await virtioMsg(`--port ${listen} i2c detect`)).toEqual({
        code: 3,
        stdout: "",
        stderr:
          `error: The board on ${listen} dials its host: it is not used over this port.\n` +
          "hint: Listen where it was told to dial: --port tcp-listen://0.0.0.0:PORT,expose. To have it on its cable again, " +
          `and no more over WiFi: virtio-msg --port ${listen} deploy\n`,
      })
      expect((await virtioMsg(`--port ${listen} deploy --simulated`)).stderr).toContain(
        "Until now the board dialled its host; now it waits on its serial port. --dial keeps it dialling.\n",
      )
      await board.stop()
    }))

  it("is missed by a command that goes on, and found again when it starts again", () =>
    withFolder(async (folder) => {
      const where = ownAddress(7655)
      const flash = path.join(folder, "board.flash")
      const listen = `unix:${path.join(folder, "board.sock")}`
      const first = await Simulator.start(listen, ["--blank", "--flash", flash])
      await stdoutOf(`--port ${listen} deploy --simulated --dial ${where}`)
      const serve = spawnCommand([
        "--port",
        `tcp-listen://${where}`,
        "serve",
        "--socket",
        path.join(folder, "vu.sock"),
      ])
      let said = ""
      const once = (wanted: RegExp) =>
        new Promise<void>((resolve, reject) => {
          const look = (chunk = "") => {
            said += chunk
            if (wanted.test(said)) resolve()
          }
          serve.stderr.on("data", look)
          serve.stdout.on("data", look)
          serve.once("close", () => reject(new Error(`It never said ${wanted}: ${said}`)))
          look()
        })
      await once(/Add these arguments/)
      await first.kill()
      await once(/The board is gone\.\n/)
      const second = await Simulator.start(listen, ["--blank", "--flash", flash])
      await once(/The board is back\.\n/)
      serve.kill("SIGTERM")
      await second.stop()
    }))
})

describe.concurrent("what deploy --dial refuses", () => {
  it.each([
    ["--dial nonsense", "--dial nonsense is no HOST:PORT."],
    ["--dial 192.0.2.10:0", "--dial 192.0.2.10:0 is no HOST:PORT."],
    ["--dial 192.0.2.10:65536", "--dial 192.0.2.10:65536 is no HOST:PORT."],
    ["--board pico --dial 192.0.2.10:7654", "The Raspberry Pi Pico has no WiFi, so it cannot dial."],
    ["--board pico_w --dial 127.0.0.1:7654", "127.0.0.1 is the board itself, when it dials that."],
  ])("%s", async (options, message) => {
    const { code, stderr } = await virtioMsg(`--port /dev/null deploy ${options}`)
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^error: .+\nhint: .+\n$/) })
    expect(stderr).toContain(`error: ${message}\n`)
  })

  it("a network without the password's variable, and a board whose runtime has no WiFi", () =>
    withBoard(["--blank"], async (port) => {
      const line = `--port ${port} deploy --simulated --dial 192.0.2.10:7654 --wifi HomeNet`
      const without = await virtioMsg(line)
      expect(without).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("VIRTIO_MSG_WIFI_PASSWORD is not set"),
      })
      const short = await virtioMsg(line, { VIRTIO_MSG_WIFI_PASSWORD: "secret" })
      expect(short).toMatchObject({ code: 2, stderr: expect.stringContaining("has 8 to 64 bytes") })
      const { code, stdout, stderr } = await virtioMsg(line, { VIRTIO_MSG_WIFI_PASSWORD: "correct horse" })
      expect(code).toBe(1)
      expect(stderr).toMatch(/^error: The runtime of the board on .+ has no WiFi\.\nhint: .+\n$/m)
      expect(stdout + stderr).not.toContain("correct horse")
    }))

  it("is told of by a port that others can reach, before anything listens there", async () => {
    const { code, stderr } = await virtioMsg("--port tcp-listen://0.0.0.0:7654 i2c detect")
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        "error: tcp-listen://0.0.0.0:7654 can be reached from other computers.\n" +
        "hint: A board in your network needs that, and anybody there can then pretend to be it: tcp-listen://0.0.0.0:7654,expose\n",
    })
  })

  it.each(["logs", "deploy --simulated", "doctor"])(
    "and %s says what a dialled port has not",
    async (command) => {
      const { code, stdout, stderr } = await virtioMsg(`--port tcp-listen://127.0.0.1:7654 ${command}`)
      expect(code).toBe(2)
      expect(stdout + stderr).toContain("has its virtio devices there, no more.")
    },
  )
})
