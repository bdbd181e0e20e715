// The extcap program, as Wireshark calls it; and tshark itself capturing through it.

import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdir, writeFile } from "node:fs/promises"
import path from "node:path"
import { createInterface } from "node:readline"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { MAIN, withFolder } from "../cli/command.js"
import { FakeRoot, PICO_USB } from "../support/fake-root.js"
import { DISSECTOR, skippedWithoutTshark } from "./tshark.js"
import { asUser } from "./user.js"

const EXTCAP = fileURLToPath(new URL("../../dist/host/src/extcap/main.js", import.meta.url))
const LIMIT_MS = 60_000

const run = promisify(execFile)

/** Calls the program, which must have nothing to complain of. */
async function extcap(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [EXTCAP, ...args], {
    env: { ...process.env, ...env },
  })
  expect(stderr).toBe("")
  return stdout
}

/** A folder with the program in it, as users install it, and room for sockets. */
async function withExtcapFolder<T>(work: (folder: string, env: NodeJS.ProcessEnv) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const extcapFolder = path.join(folder, "extcap")
    await mkdir(extcapFolder)
    const script = `#!/bin/sh\nexec "${process.execPath}" "${EXTCAP}" "$@"\n`
    await writeFile(path.join(extcapFolder, "virtio-msg-extcap"), script, { mode: 0o755 })
    const env = { ...process.env, WIRESHARK_EXTCAP_DIR: extcapFolder, XDG_RUNTIME_DIR: folder, HOME: folder }
    return work(folder, env)
  })
}

describe("virtio-msg-extcap", () => {
  it("lists the simulated board as an interface of link type USER0, with what can be set", async () => {
    await withFolder(async (folder) => {
      const env = { XDG_RUNTIME_DIR: folder }
      const interfaces = await extcap(["--extcap-interfaces", "--extcap-version=4.0"], env)
      expect(interfaces).toMatch(/^extcap \{version=\d+\.\d+\.\d+\}\{display=virtio-msg\}$/m)
      expect(interfaces).toContain(
        "interface {value=virtio-msg-sim}{display=virtio-msg: the simulated board}\n",
      )
      const chosen = ["--extcap-interface", "virtio-msg-sim"]
      expect(await extcap(["--extcap-dlts", ...chosen], env)).toMatch(
        /^dlt \{number=147\}\{name=USER0\}\{display=/,
      )
      expect(await extcap(["--extcap-config", ...chosen], env)).toMatch(
        /^arg \{number=0\}\{call=--command\}.*\{type=string\}\{default=i2c detect\}\narg \{number=1\}\{call=--interval\}/,
      )
    })
  })

  it("lists each board that is plugged in, by its serial port, and no port that is no board", async () => {
    await withFolder(async (folder) => {
      const root = new FakeRoot(folder)
      const port = await root.addUsbPort("ttyACM3", PICO_USB)
      await root.addUsbPort("ttyUSB0", { idVendor: "0403", idProduct: "6001" })
      const env = { XDG_RUNTIME_DIR: folder, VIRTIO_MSG_ROOT: folder }
      const interfaces = await extcap(["--extcap-interfaces", "--extcap-version=4.0"], env)
      const display = `virtio-msg: Raspberry Pi Pico or Raspberry Pi Pico W on ${port}`
      expect(interfaces.split("\n").filter((line) => line.startsWith("interface "))).toEqual([
        "interface {value=virtio-msg-sim}{display=virtio-msg: the simulated board}",
        `interface {value=virtio-msg-ttyACM3}{display=${display}}`,
      ])
      const dlts = ["--extcap-dlts", "--extcap-interface", "virtio-msg-ttyACM3"]
      expect(await extcap(dlts, env)).toMatch(/^dlt \{number=147\}/)
    })
  })

  it.each([
    [["--extcap-dlts", "--extcap-interface", "virtio-msg-none"], 3, /no interface virtio-msg-none now/],
    [["--capture", "--extcap-interface", "virtio-msg-sim"], 2, /--capture needs --fifo/],
    [
      ["--capture", "--extcap-interface", "virtio-msg-sim", "--fifo", "/x", "--interval", "often"],
      2,
      /no interval/,
    ],
    [["--nonsense"], 2, /--nonsense/],
  ])("called with %j fails with %i and says why", async (args, code, message) => {
    const child = spawn(process.execPath, [EXTCAP, ...args])
    const stderr = await text(child.stderr)
    if (child.exitCode === null) await once(child, "exit")
    expect(stderr).toMatch(message)
    expect(child.exitCode).toBe(code)
  })
})

const skipped = skippedWithoutTshark()

describe.skipIf(skipped)(`tshark with virtio-msg-extcap${skipped}`, () => {
  it("lists our interfaces", { timeout: LIMIT_MS }, async () => {
    await withExtcapFolder(async (_folder, env) => {
      const { stdout } = await run(...asUser("tshark", ["-D"]), { env })
      expect(stdout).toMatch(/^\d+\. virtio-msg-sim \(virtio-msg: the simulated board\)$/m)
    })
  })

  it("captures what the simulated board does, live and dissected", { timeout: LIMIT_MS }, async () => {
    await withExtcapFolder(async (_folder, env) => {
      const options = [
        "-o",
        "extcap.virtio_msg_sim.command:i2c get 0x54 14",
        "-o",
        "extcap.virtio_msg_sim.interval:0",
      ]
      const args = ["-i", "virtio-msg-sim", ...options]
      args.push("-X", `lua_script:${DISSECTOR}`, "-Y", "virtio_msg.request")
      const { stdout } = await run(...asUser("tshark", args), { env })
      const shown = stdout.trimEnd().split("\n")
      expect(shown.at(-2)).toMatch(
        /A7 → M4 .*> i2c 0x54 write 0e, with the next; > i2c 0x54 read 1; EVENT_AVAIL$/,
      )
      expect(shown.at(-1)).toMatch(/M4 → A7 .*< i2c 0x54 write 0e; < i2c 0x54 read 66; EVENT_USED$/)
    })
  })

  it("captures what a process does that runs already", { timeout: LIMIT_MS }, async () => {
    await withExtcapFolder(async (folder, env) => {
      const virtioMsg = (...args: string[]) => spawn(...asUser(process.execPath, [MAIN, ...args]), { env })
      const board = `unix:${folder}/board.sock`
      const simulator = virtioMsg("sim", "--listen", board)
      await once(simulator.stdout, "data")
      const get = async () => {
        const child = virtioMsg("--port", board, "i2c", "get", "0x54", "14")
        expect(await text(child.stdout)).toBe("0x66\n")
      }
      await get()
      const name = (await text(virtioMsg("trace", "--list").stdout)).trim()
      expect(name).toBe(`sim-${simulator.pid}`)
      const args = ["-l", "-i", `virtio-msg-${name}`, "-X", `lua_script:${DISSECTOR}`]
      const tshark = spawn(...asUser("tshark", args), { env })
      const lines: string[] = []
      const output = (async () => {
        for await (const line of createInterface(tshark.stdout)) lines.push(line)
      })()
      await Promise.race([once(tshark.stdout, "readable"), once(tshark, "close")]) // the snapshot has arrived
      await get()
      simulator.kill("SIGTERM") // ends the capture, too
      await output
      expect(lines.findLast((line) => !line.endsWith("acknowledgement"))).toMatch(
        /< i2c 0x54 write 0e; < i2c 0x54 read 66; EVENT_USED$/,
      )
    })
  })
})
