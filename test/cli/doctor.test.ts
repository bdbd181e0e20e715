// `doctor`, `logs`, `boards` and `ports` as their users see them.

import { mkdir, symlink, writeFile } from "node:fs/promises"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { UNLESS_LINUX } from "../support/because.js"
import { BOOTSEL_USB, FakeRoot, PICO_USB } from "../support/fake-root.js"
import { Simulator, startUntilLine, stdoutOf, virtioMsg, withFolder, withSimulator } from "./command.js"

interface Finding {
  readonly check: string
  readonly state: string
  readonly text: string
  readonly next: string | null
}

describe.concurrent("doctor", () => {
  it("finds nothing wrong with a board in order, and measures it", () =>
    withSimulator(async (port) => {
      const { code, stdout } = await virtioMsg(`--port ${port} doctor --json`)
      const findings: Finding[] = JSON.parse(stdout)
      expect(code).toBe(0)
      expect(findings.map(({ check }) => check)).toEqual([
        "Node.js",
        "Packages",
        "Own Linux",
        "Port",
        "Runtime",
        "Firmware",
        "Round trip",
        "I2C bus",
      ])
      expect(findings.filter(({ state }) => state === "failed")).toEqual([])
      const textOf = (name: string) => findings.find(({ check }) => check === name)?.text
      expect(textOf("Firmware")).toMatch(/^\d+\.\d+\.\d+ on DeviceScript .*; protocol [0-9a-f]{8}, as here$/)
      expect(textOf("Round trip")).toMatch(
        /^200 pings: [\d.]+ ms in the middle, [\d.]+ ms at most; (none|\d+) lost, /, // on a busy computer some may be
      )
      expect(textOf("I2C bus")).toBe("5 simulated chips: 0x48, 0x50, 0x54, 0x56, 0x76")
    }))

  it("says whether this kernel has what attach needs", () =>
    withFolder(async (folder) => {
      // what is there counts, whatever modprobe knows
      const vhci = path.join(folder, "sys/devices/platform/vhci_hcd.0")
      await mkdir(vhci, { recursive: true })
      await writeFile(path.join(vhci, "status"), "hub port sta spd dev      sockfd local_busid\n")
      await mkdir(path.join(folder, "sys/bus/usb/drivers/i2c-tiny-usb"), { recursive: true })
      const { stdout } = await virtioMsg("doctor", { VIRTIO_MSG_ROOT: folder })
      expect(stdout).toContain(
        "ok       Own Linux   vhci-hcd and i2c-tiny-usb: virtio-msg attach works here\n",
      )
      const bare = await virtioMsg("doctor", { VIRTIO_MSG_ROOT: path.join(folder, "sys") })
      expect(bare.stdout).toContain(
        "warning  Own Linux   this kernel has no vhci-hcd and no i2c-tiny-usb, which only virtio-msg attach needs\n",
      )
    }))

  it("goes as far as it can, and says what to do next", () =>
    withFolder(async (folder) => {
      const root = new FakeRoot(folder)
      const none = await virtioMsg("doctor", root.env)
      expect(none.code).toBe(3)
      expect(none.stdout).toContain(
        "failed   Port        No board is connected.\n" +
          "                     next: Plug one in; virtio-msg ports shows what is there. " +
          "The simulated board has to be asked for: --port sim, or VIRTIO_MSG_PORT=sim\n",
      )
      const blank = await Simulator.start("pty", ["--blank"])
      const port = await root.addUsbPort("ttyACM0", PICO_USB, blank.port)
      const { code, stdout } = await virtioMsg("doctor", root.env)
      expect(code).toBe(3)
      expect(stdout).toContain(
        `ok       Port        ${port}: Raspberry Pi Pico or Raspberry Pi Pico W, by its USB id\n`,
      )
      expect(stdout).toMatch(/^ok {7}Runtime {5}DeviceScript 0\.0\.0 on DeviceScript Simulator/m)
      expect(stdout).toContain(
        "failed   Firmware    The board holds no program.\n" +
          `                     next: Give it ours: virtio-msg --port ${port} deploy\n`,
      )
      await blank.stop()
    }))

  it("says that no chip answers on a bus without any", () =>
    withFolder(async (folder) => {
      const listen = `unix:${path.join(folder, "board.sock")}`
      const board = await Simulator.start(listen, ["--blank"])
      await stdoutOf(`--port ${listen} deploy --board pico`)
      const { code, stdout } = await virtioMsg(`--port ${listen} doctor`)
      expect(code).toBe(0)
      expect(stdout).toMatch(
        /^warning {2}I2C bus {5}no chip answers\n +next: If one is wired: .*pull-up resistor/m,
      )
      await board.stop()
    }))
})

describe.concurrent("logs", () => {
  it("prints the board's console, so many lines as are asked for", async () => {
    const lines = (await stdoutOf("--port sim logs --lines 4 --json")).trim().split("\n")
    expect(lines).toHaveLength(4)
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      time: expect.any(Number),
      line: expect.stringContaining("dcfg:"),
    })
    expect(await virtioMsg("--port sim logs --lines none")).toMatchObject({ code: 2 })
  })
})

describe.concurrent("ports", () => {
  it("says what each port is, what is missing, and which board waits for its firmware", () =>
    withFolder(async (folder) => {
      const root = new FakeRoot(folder)
      expect(await virtioMsg("ports", root.env)).toEqual({
        code: 0,
        stdout: "",
        stderr: "No serial port is there. Plug a board in, or use the simulated one: --port sim\n",
      })
      const port = await root.addUsbPort("ttyACM0", PICO_USB)
      await root.addUsbPort("ttyUSB0", { idVendor: "10c4", idProduct: "ea60" })
      await root.addUsbPort("ttyUSB1", { idVendor: "0403", idProduct: "6001", product: "FT232R USB UART" })
      await root.addUsbDevice(BOOTSEL_USB)
      const { stdout, stderr } = await virtioMsg("ports", root.env)
      expect(stdout).toContain("303a:000a  usable         Raspberry Pi Pico or Raspberry Pi Pico W\n")
      expect(stdout).toContain("ESP32-DevKitC, or another with this USB bridge\n")
      expect(stdout).toContain("not a board that we know: FT232R USB UART\n")
      expect(stdout).toContain("(drive not mounted)")
      expect(stderr).toBe("hint: Give it the runtime: virtio-msg flash --board pico\n")
      const report = JSON.parse((await virtioMsg("ports --json", root.env)).stdout)
      expect(report.ports[0]).toEqual({
        path: port,
        what: "Raspberry Pi Pico or Raspberry Pi Pico W",
        usbId: "303a:000a",
        serialNumber: "JD0011",
        boards: ["pico", "pico_w"],
        isUsable: true,
        heldBy: [],
        missing: null,
      })
      expect(report.bootloaders).toEqual([
        { what: "an RP2040 in its boot loader", usbId: "2e8a:0003", drive: null },
      ])
    }))
})

describe.skipIf(UNLESS_LINUX).concurrent(`a port that another program uses${UNLESS_LINUX}`, () => {
  it("is told with that program's name, by ports and by who wants to use it", () =>
    withFolder(async (folder) => {
      const root = new FakeRoot(folder)
      const board = await Simulator.start("pty")
      const port = await root.addUsbPort("ttyACM0", PICO_USB, board.port)
      await symlink("/proc", path.join(folder, "proc"))
      const user = await startUntilLine(["--port", board.port, "logs"], "stderr")
      const { stdout, stderr } = await virtioMsg("ports", root.env)
      expect(stdout).toContain("303a:000a  in use  Raspberry Pi Pico or Raspberry Pi Pico W\n")
      const [, pid] = /process (\d+)/.exec(stderr) ?? []
      expect(stderr).toBe(`hint: ${port}: node (process ${pid}) uses it: end that first.\n`)
      expect(await virtioMsg(`--port ${board.port} info`)).toEqual({
        code: 3,
        stdout: "",
        stderr:
          `error: Another program has ${board.port} open.\n` +
          `hint: node (process ${pid}) uses it: end that first.\n`,
      })
      expect((await user.stop()).code).toBe(0)
      expect((await virtioMsg("ports", root.env)).stdout).toContain("  usable  ")
      await board.stop()
    }))
})

describe.concurrent("boards", () => {
  it("prints the table, and as JSON every pair of pins and the firmware's address", async () => {
    expect(await stdoutOf("boards")).toMatch(/^pico +Raspberry Pi Pico +RP2040 +GP4, GP5 +25 +64 kB$/m)
    const { boards, counterpart } = JSON.parse(await stdoutOf("boards --json"))
    expect(boards).toHaveLength(9)
    expect(boards[0].usb).toEqual(["303a:000a", "2e8a:420a"])
    expect(boards[0].i2cPinPairs[0]).toEqual([4, 5])
    expect(boards[0].firmware).toMatchObject({ sizeBytes: null, sha256: null })
    expect(counterpart.parts[2].there).toContain("IPCC")
  })
})
