// `sim` and `--port`: one process is the board, others drive it.

import { access, stat, writeFile } from "node:fs/promises"
import { createConnection } from "node:net"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { UNLESS_LINUX } from "../support/because.js"
import { FakeRoot } from "../support/fake-root.js"
import { firstLineOf, Simulator, stdoutOf, virtioMsg, withFolder, withSimulator } from "./command.js"

const ASK_FOR_SIM = "The simulated board has to be asked for: --port sim, or VIRTIO_MSG_PORT=sim"

describe.concurrent("sim", () => {
  it("listens on a Unix socket of its user's, keeps its state, and cleans up", () =>
    withFolder(async (folder) => {
      const socket = path.join(folder, "board.sock")
      const simulator = await Simulator.start(`unix:${socket}`)
      expect(simulator.port).toBe(`unix:${socket}`)
      expect((await stat(socket)).mode & 0o777).toBe(0o600)
      expect(await stdoutOf(`--port ${simulator.port} i2c get 0x54 14`)).toBe("0x66\n")
      await stdoutOf(`--port ${simulator.port} i2c set 0x54 14 0x25`)
      expect(await stdoutOf(`--port ${simulator.port} i2c get 0x54 14`)).toBe("0x25\n")
      expect(await simulator.stop()).toEqual({
        code: 0,
        stdout: `unix:${socket}\n`,
        stderr: `The simulated board is on unix:${socket}. Use it: virtio-msg --port unix:${socket} i2c detect\n`,
      })
      await expect(access(socket)).rejects.toThrow("ENOENT")
    }))

  it("listens on any free TCP port, and ends on Ctrl-C", async () => {
    const simulator = await Simulator.start("tcp://127.0.0.1:0")
    expect(simulator.port).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/)
    expect(await stdoutOf(`--port ${simulator.port} i2c get 0x54 14`)).toBe("0x66\n")
    expect((await simulator.stop("SIGINT")).code).toBe(0)
  })

  it.skipIf(UNLESS_LINUX)(
    `makes a pseudo-terminal that is driven like a board's serial port${UNLESS_LINUX}`,
    async () => {
      const simulator = await Simulator.start("pty")
      expect(simulator.port).toMatch(/^\/dev\/pts\/\d+$/)
      expect(await stdoutOf(`--port ${simulator.port} i2c set -r 0x54 14 0x25`)).toBe(
        "Value 0x25 written, readback matched\n",
      )
      expect(await stdoutOf(`--port ${simulator.port} i2c get 0x54 14`)).toBe("0x25\n")
      expect((await simulator.stop()).code).toBe(0)
    },
  )

  it("ends while somebody is connected", () =>
    withFolder(async (folder) => {
      const socket = path.join(folder, "board.sock")
      const simulator = await Simulator.start(`unix:${socket}`)
      const visitor = createConnection(socket)
      visitor.on("error", () => {})
      await new Promise<void>((resolve) => visitor.once("connect", resolve))
      expect((await simulator.stop()).code).toBe(0)
      visitor.destroy()
    }))

  it("takes the place of a socket that nobody listens on, and of nothing else", () =>
    withFolder(async (folder) => {
      const socket = path.join(folder, "board.sock")
      const killed = await Simulator.start(`unix:${socket}`)
      await killed.kill()
      await access(socket) // left behind
      const simulator = await Simulator.start(`unix:${socket}`)
      const second = await virtioMsg(`sim --listen unix:${socket}`)
      expect(second.code).toBe(1)
      expect(second.stderr).toContain(`error: Cannot listen on unix:${socket}: `)
      expect(second.stderr).toContain("hint: ")
      expect(await stdoutOf(`--port ${simulator.port} i2c get 0x54 14`)).toBe("0x66\n")
      await simulator.stop()

      const file = path.join(folder, "notes.txt")
      await writeFile(file, "keep me")
      expect(await virtioMsg(`sim --listen unix:${file}`)).toEqual({
        code: 2,
        stdout: "",
        stderr: `error: ${file} exists and is not a socket.\nhint: Choose a path where no file is.\n`,
      })
      await access(file)
    }))
})

describe.concurrent("--port", () => {
  it("stands before or behind the subcommand", async () => {
    for (const line of ["-p sim i2c get 0x54 14", "i2c --port sim get 0x54 14", "i2c get 0x54 14 --port=sim"])
      expect(await stdoutOf(line)).toBe("0x66\n")
  })

  it("auto names the serial ports that it does not know instead of passing over them", () =>
    withFolder(async (folder) => {
      const root = new FakeRoot(folder)
      const port = await root.addUsbPort("ttyUSB0", {
        idVendor: "0403",
        idProduct: "6001",
        product: "FT232R",
      })
      await root.addUsbPort("ttyUSB1", { idVendor: "1234", idProduct: "5678" })
      await root.addBuiltInPort("ttyS0", 4) // of the computer itself
      const unknown = `No board that we know is connected; we do not know ${port} (0403:6001, FT232R), ${port.slice(0, -1)}1 (1234:5678)`
      expect(await virtioMsg("i2c get 0x54 14", root.env)).toEqual({
        code: 3,
        stdout: "",
        stderr: `error: ${unknown}.\nhint: If that is a board: --port ${port} ${ASK_FOR_SIM}\n`,
      })
      expect(await virtioMsg("deploy", root.env)).toEqual({
        code: 3,
        stdout: "",
        stderr: `error: ${unknown}.\nhint: If that is a board: --port ${port}\n`,
      })
    }))

  it("auto, also unsaid, takes boards only: a logger whose cable fell out records no simulated values", () =>
    withFolder(async (folder) => {
      const lines = [
        "i2c get 0x54 14",
        "--port auto i2c set 0x54 14 1",
        "demo",
        "conform",
        "info",
        "logs -n 1",
      ]
      for (const line of lines)
        expect({ line, ...(await virtioMsg(line, new FakeRoot(folder).env)) }).toMatchObject({
          line,
          code: 3,
          stdout: line === "demo" ? expect.stringContaining("1. The A7 finds the M4") : "",
          stderr: `error: No board is connected.\nhint: Plug one in; virtio-msg ports shows what is there. ${ASK_FOR_SIM}\n`,
        })
    }))

  it("is what VIRTIO_MSG_PORT says where it is not said, and info tells from where it came", async () => {
    const env = { VIRTIO_MSG_PORT: "sim" }
    expect(await virtioMsg("i2c get 0x54 14", env)).toEqual({ code: 0, stdout: "0x66\n", stderr: "" })
    expect((await virtioMsg("info", env)).stdout).toContain("Port       sim, from VIRTIO_MSG_PORT\n")
    const other = { VIRTIO_MSG_PORT: "/dev/ttyACM99" }
    for (const line of ["--port sim info --json", "--port sim trace -- info --json"]) {
      const { stdout, stderr } = await virtioMsg(line, other)
      expect(`${stdout}${stderr}`).toContain('"port": "sim",\n  "portFrom": "--port",')
    }
    for (const line of ["info", "trace -- info", "logs", "deploy", "doctor"]) {
      const { code, stdout, stderr } = await virtioMsg(line, other)
      expect({ line, code }).toEqual({ line, code: 3 })
      expect(`${stdout}${stderr}`).toContain("There is no serial port /dev/ttyACM99.")
    }
    const empty = await withFolder((folder) =>
      virtioMsg("info", { VIRTIO_MSG_PORT: "", ...new FakeRoot(folder).env }),
    )
    expect(empty).toMatchObject({ code: 3, stderr: expect.stringContaining("No board is connected.") })
  })

  it("reconnects at once", () =>
    withSimulator(async (port) => {
      for (let turn = 0; turn < 5; turn++)
        expect(await stdoutOf(`--port ${port} i2c get 0x54 14`)).toBe("0x66\n")
    }))
})

describe.concurrent("a reader that goes away", () => {
  it("is no error", async () => {
    expect(await firstLineOf("--port sim i2c dump 0x50")).toEqual({
      code: 0,
      stdout: "     0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f    0123456789abcdef",
      stderr: "",
    })
    expect(await firstLineOf("--port sim demo")).toMatchObject({ code: 0, stderr: "" })
  })
})
