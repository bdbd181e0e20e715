// `deploy` against the real runtime in another process: over a socket, and over a pseudo-terminal as over a cable.

import { readFile, writeFile } from "node:fs/promises"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { readSettings } from "../../host/src/deploy/program-image.js"
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

  it("makes pins GPIO lines: the board's LED and buttons by themselves, or those that are asked for", () =>
    withFolder(async (folder) => {
      const file = path.join(folder, "board.flash")
      const board = await Simulator.start(`unix:${path.join(folder, "board.sock")}`, [
        "--blank",
        "--flash",
        file,
      ])
      const deploy = (options: string) => stdoutOf(`--port ${board.port} deploy ${options}`)
      const settings = async () => {
        const flash = await readFile(file)
        return readSettings(flash.subarray(flash.indexOf("DevS"))).get("virtio.gpio")
      }
      expect(await deploy("--board esp32c3_rust_devkit")).toContain("\nGPIO       LED=7, BOOT=9:up\n")
      expect(await settings()).toBe("LED=7,BOOT=9:up")
      // the bus takes a pin away
      expect(await deploy("--board esp32c3_rust_devkit --sda 9 --scl 8")).toContain("\nGPIO       LED=7\n")
      expect(await deploy("--board esp32c3_rust_devkit --gpio none")).toContain("\nGPIO       no lines; ")
      expect(await settings()).toBeUndefined()
      expect(await deploy("--board pico")).toContain(
        "\nGPIO       no lines; --gpio NAME=GPIO gives it some\n",
      )
      const asked = await deploy("--board pico --gpio LED=GP15,button=14:UP,7 --json")
      expect(JSON.parse(asked).gpio).toEqual([
        { name: "LED", gpio: 15 },
        { name: "button", gpio: 14, pull: "up" },
        { name: "", gpio: 7 },
      ])
      expect(await settings()).toBe("LED=15,button=14:up,7")
      await board.stop()
    }))

  it("fits on a board with little memory when it has the I2C bus alone, with a small window that others have not", () =>
    withFolder(async (folder) => {
      const file = path.join(folder, "board.flash")
      const listen = `unix:${path.join(folder, "board.sock")}`
      const board = await Simulator.start(listen, ["--blank", "--flash", file])
      const window = async () => {
        const flash = await readFile(file)
        return readSettings(flash.subarray(flash.indexOf("DevS"))).get("virtio.window")
      }
      expect(await stdoutOf(`--port ${board.port} deploy --board esp32s2_bare --devices i2c`)).toContain(
        "I2C: SDA 8, SCL 9, 100 kHz\n",
      )
      expect(await window()).toBe("small")
      await stdoutOf(`--port ${board.port} deploy --board pico --devices i2c`)
      expect(await window()).toBeUndefined()
      await board.stop()
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
      "error: Our firmware with these devices does not fit on an ESP32-S2: it needs 54 kB of heap, " +
        "the runtime there has 40 kB.\nhint: With its I2C bus alone it needs 37 kB: --devices i2c\n",
    ],
    ["--port unix:x deploy --khz 5000", "error: I2C speed 5000 is out of range: 10 to 1000.\n"],
    ["--port unix:x deploy --sda 4", "error: --sda and --scl go together.\nhint: "],
    [
      "--port unix:x deploy --sda four --scl 5",
      "error: --sda four is no GPIO.\nhint: For example: --sda 4 --scl 5\n",
    ],
    [
      "--port unix:x deploy --gpio LED=15,BUTTON:up",
      'error: "BUTTON:up" in --gpio is no line.\nhint: Write NAME=GPIO, or GPIO alone, ',
    ],
    ["--port unix:x deploy --gpio 7=15", 'error: "7=15" in --gpio is no line.\nhint: '],
    ["--port unix:x deploy --gpio ,", 'error: "" in --gpio is no line.\nhint: '],
    [
      `--port unix:x deploy --gpio ${Array.from({ length: 17 }, (_, gpio) => gpio).join()}`,
      "error: 17 GPIO lines are too many: at most 16.\n",
    ],
    [
      "--port unix:x deploy --devices i2c --gpio LED=15",
      "error: --gpio names lines, but --devices leaves the GPIO device out.\nhint: Add it: --devices i2c,gpio\n",
    ],
    [
      "--port unix:x deploy --simulated --gpio LED=15",
      "error: --gpio names pins of a board; the simulated chips have lines of their own.\nhint: ",
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
      expect(await virtioMsg(`--port ${port} deploy --board pico --gpio LED=25`)).toEqual({
        code: 2,
        stdout: "",
        stderr:
          "error: The runtime of the Raspberry Pi Pico keeps GPIO 25, its LED, for itself.\n" +
          "hint: Programs on this board can use GPIO 0 to 22, 26 to 28.\n",
      })
      expect(await virtioMsg(`--port ${port} deploy --board pico --devices i2c,gpio`)).toEqual({
        code: 2,
        stdout: "",
        stderr:
          "error: The Raspberry Pi Pico has no LED and no button that programs can use, so its GPIO device would have no line.\n" +
          "hint: Say which: --gpio NAME=GPIO, with GPIO 0 to 22, 26 to 28\n",
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
      await root.addUsbPort("ttyACM0", PICO_USB)
      await root.addUsbPort("ttyACM1", { ...PICO_USB, serial: "JD0012" })
      const { code, stderr } = await virtioMsg("--port auto deploy --khz 100", root.env)
      expect(code).toBe(2)
      expect(stderr).toMatch(/^error: More than one board is connected: .*ttyACM0 .*ttyACM1/)
      expect(stderr).toContain(
        `hint: Say which:\n  virtio-msg --port serial:${PICO_USB.serial} deploy --khz 100\n` +
          "  virtio-msg --port serial:JD0012 deploy --khz 100\n",
      )
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
