// `deploy` against the real runtime in another process: over a socket, and over a pseudo-terminal as over a cable.

import { writeFile } from "node:fs/promises"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { FakeRoot, PICO_USB } from "../support/fake-root.js"
import { Simulator, stdoutOf, virtioMsg, withFolder } from "./command.js"

/** A simulated board with these options, on a socket in a folder of its own. */
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

describe.concurrent("deploy", () => {
  it("gives a blank board the simulated chips, and says when they are there already", () =>
    withBoard(["--blank"], async (port) => {
      const first = await stdoutOf(`--port ${port} deploy --simulated`)
      expect(first).toMatch(
        /^Board {6}DeviceScript Simulator \(WASM\) on unix:.*\nFirmware {3}\d+\.\d+\.\d+, \d+ bytes/,
      )
      expect(first).toContain(
        "Written    yes; it stays when the power is off\nVerified   the board answers HELLO\n",
      )
      expect(first).toContain(`Next: virtio-msg --port ${port} i2c detect\n`)
      expect(await stdoutOf(`--port ${port} i2c get 0x54 14`)).toBe("0x66\n")
      expect(JSON.parse(await stdoutOf(`--port ${port} deploy --simulated --json`))).toMatchObject({
        port,
        boardId: null,
        simulatedChips: true,
        i2c: null,
        wasThere: true,
      })
    }))

  it("keeps across power cycles", () =>
    withFolder(async (folder) => {
      const flash = path.join(folder, "board.flash")
      const listen = `unix:${path.join(folder, "board.sock")}`
      const blank = await Simulator.start(listen, ["--blank", "--flash", flash])
      await stdoutOf(`--port ${listen} deploy --simulated --devices i2c`)
      await blank.kill()
      const again = await Simulator.start(listen, ["--blank", "--flash", flash])
      expect(await stdoutOf(`--port ${listen} i2c get 0x54 14`)).toBe("0x66\n")
      await again.stop()
    }))

  it("takes the board's usual pins, or those that are asked for", () =>
    withBoard(["--blank"], async (port) => {
      const deploy = async (options: string) =>
        JSON.parse(await stdoutOf(`--port ${port} deploy ${options} --json`)).i2c
      expect(await deploy("--board esp32c3_supermini")).toEqual({ sda: 6, scl: 7, khz: 100 })
      expect(await deploy("--board pico --sda GP26 --scl gpio27 --khz 400")).toEqual({
        sda: 26,
        scl: 27,
        khz: 400,
      })
    }))

  it("fits on a board with little memory when it has the I2C bus alone", () =>
    withBoard(["--blank"], async (port) => {
      expect(await stdoutOf(`--port ${port} deploy --board esp32s2_bare --devices i2c`)).toContain(
        "I2C: SDA 8, SCL 9, 100 kHz\n",
      )
    }))

  it("finds the one board that is plugged in, over its serial port", () =>
    withFolder(async (folder) => {
      const board = await Simulator.start("pty", ["--blank"])
      const root = new FakeRoot(folder)
      const port = await root.addUsbPort("ttyACM0", PICO_USB, board.port)
      const { code, stdout, stderr } = await virtioMsg("deploy --simulated", root.env)
      expect({ code, stderr }).toEqual({
        code: 0,
        stderr: `Using Raspberry Pi Pico or Raspberry Pi Pico W on ${port}.\n`,
      })
      expect(stdout).toContain(`on ${port}\n`)
      expect(await virtioMsg("i2c get 0x54 14", root.env)).toMatchObject({ code: 0, stdout: "0x66\n" })
      await board.stop()
    }))
})

describe.concurrent("deploy refuses", () => {
  it.each([
    [
      "--port sim deploy",
      "error: --port sim is a board that is gone when the command ends.\n" +
        "hint: One that stays: virtio-msg sim --blank --listen unix:/tmp/board.sock\n",
    ],
    [
      "--port unix:x deploy --board nono",
      'error: There is no board "nono" in our list.\nhint: The boards are pico, ',
    ],
    [
      "--port unix:x deploy --board esp32s2_bare",
      "error: Our firmware with these devices does not fit on an ESP32-S2: it needs 56 kB of heap, " +
        "the runtime there has 40 kB.\nhint: With its I2C bus alone it needs 39 kB: --devices i2c\n",
    ],
    ["--port unix:x deploy --khz 5000", "error: I2C speed 5000 is out of range: 10 to 1000.\n"],
    ["--port unix:x deploy --sda 4", "error: --sda and --scl go together.\nhint: "],
    [
      "--port unix:x deploy --sda four --scl 5",
      "error: --sda four is no GPIO.\nhint: For example: --sda 4 --scl 5\n",
    ],
    [
      "--port unix:x deploy --devices i2c,uart",
      'error: "uart" is no virtio device of our firmware.\nhint: They are ',
    ],
  ])("%s", async (line, message) => {
    const { code, stdout, stderr } = await virtioMsg(line)
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr.slice(0, message.length)).toBe(message)
  })

  it("pins that cannot carry I2C, and a board without pins", () =>
    withBoard(["--blank"], async (port) => {
      expect(await virtioMsg(`--port ${port} deploy --board pico --sda 5 --scl 4`)).toEqual({
        code: 2,
        stdout: "",
        stderr:
          "error: GPIO 5 cannot be SDA: on an RP2040 SDA is an even number.\nhint: Usual on this board: --sda 4 --scl 5\n",
      })
      expect(await virtioMsg(`--port ${port} deploy`)).toEqual({
        code: 2,
        stdout: "",
        stderr:
          `error: The board on ${port} is a simulated one: it has no pins.\n` +
          "hint: Give it the simulated chips: --simulated\n",
      })
    }))

  it("two boards, and none", () =>
    withFolder(async (folder) => {
      const root = new FakeRoot(folder)
      expect(await virtioMsg("deploy", root.env)).toEqual({
        code: 3,
        stdout: "",
        stderr: "error: No board is connected.\nhint: Plug one in; virtio-msg ports shows what is there.\n",
      })
      const one = await root.addUsbPort("ttyACM0", PICO_USB)
      await root.addUsbPort("ttyACM1", { ...PICO_USB, serial: "JD0012" })
      const { code, stderr } = await virtioMsg("deploy", root.env)
      expect(code).toBe(2)
      expect(stderr).toMatch(/^error: More than one board is connected: .*ttyACM0 .*ttyACM1/)
      expect(stderr).toContain(`hint: Say which: --port ${one}\n`)
    }))

  it("a flash file that is something else", () =>
    withFolder(async (folder) => {
      const file = path.join(folder, "notes.txt")
      await writeFile(file, "keep me")
      expect(await virtioMsg(`sim --flash ${file}`)).toEqual({
        code: 2,
        stdout: "",
        stderr: `error: ${file} is no flash memory of a simulated board.\nhint: Choose a path where no file is.\n`,
      })
    }))
})
