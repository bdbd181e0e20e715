// From what stands behind --port to a link: boards found by their USB ids, addresses, sockets that are in the way.

import { statSync } from "node:fs"
import { link as hardLink, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import net from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { serveBoard } from "../../host/src/node/board-server.js"
import { makeLink } from "../../host/src/node/open-link.js"
import { ownersOnly } from "../../host/src/node/private-socket.js"
import { parseSocketAddress } from "../../host/src/node/socket-stream.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-ports-"))
})
afterEach(() => rm(folder, { recursive: true }))

const noEvents = { onPacket() {}, onClose() {} }

describe("parseSocketAddress", () => {
  it.each([
    ["unix:/run/board", { path: "/run/board" }],
    ["tcp://127.0.0.1:7777", { host: "127.0.0.1", port: 7777 }],
    ["tcp://[::1]:80", { host: "::1", port: 80 }],
    ["tcp://board.local:0", { host: "board.local", port: 0 }],
    ["tcp://h:65536", undefined],
    ["tcp://h", undefined],
    ["tcp://:80", undefined],
    ["unix:", undefined],
    ["/dev/ttyACM0", undefined],
  ])("%s", (text, address) => {
    expect(parseSocketAddress(text)).toEqual(address)
  })
})

describe("opening", () => {
  it("says what a port is when it is none", async () => {
    await expect(makeLink("nonsense")).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: '"nonsense" is no port.',
      hint: expect.stringContaining("sim, sim-native, auto"),
    })
  })

  it.each([
    ["a socket that nobody listens on", () => `unix:${folder}/none`],
    ["a TCP port that nobody listens on", () => "tcp://127.0.0.1:1"],
    ["a host that does not exist", () => "tcp://no-such-host.invalid:7000"],
    ["a file that is no serial port", () => "/dev/null"],
  ])("says CONNECT_FAILED, with a hint, for %s", async (_name, port) => {
    const link = await makeLink(port())
    await expect(link.open(noEvents)).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      message: expect.stringContaining(port()),
      hint: expect.stringMatching(/./),
    })
    await link.close()
  })
})

describe("messages", () => {
  it("tell a wrong file and a wrong host from a board that is not there", async () => {
    const file = await makeLink("/dev/null")
    await expect(file.open(noEvents)).rejects.toMatchObject({
      message: "/dev/null is no serial port.",
      hint: expect.stringContaining("/dev/ttyACM0"),
    })
    const host = await makeLink("tcp://no-such-host.invalid:7000")
    await expect(host.open(noEvents)).rejects.toMatchObject({ hint: expect.stringContaining("host's name") })
  })
})

describe("a serial port that does not exist", () => {
  it("says NOT_FOUND, with a hint", async () => {
    const link = await makeLink(path.join(folder, "ttyNone"))
    await expect(link.open(noEvents)).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringMatching(/^There is no serial port .*ttyNone/),
      hint: expect.stringMatching(/./),
    })
  })
})

describe("serveBoard", () => {
  const machine = new VirtualMachine({ program: readFirmware("simulated") })

  it("says what there is to listen on", async () => {
    await expect(serveBoard(machine, "nothing")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" })
  })

  it("replaces a socket that a former run left", async () => {
    const socketPath = path.join(folder, "board")
    // a server that does not clean up: its process is killed
    const left = net.createServer().listen(socketPath)
    await new Promise((resolve) => left.once("listening", resolve))
    const kept = `${socketPath}-kept`
    await hardLink(socketPath, kept)
    await new Promise((resolve) => left.close(resolve))
    await rename(kept, socketPath)
    const server = await serveBoard(machine, `unix:${socketPath}`)
    expect((await stat(socketPath)).mode & 0o777).toBe(0o600)
    await server.close()
  })

  it.each(["tcp://0.0.0.0:0", "tcp://[::]:0", "tcp://192.0.2.7:0", "tcp://127.0.0.1.example.org:0"])(
    "refuses %s, which others can reach, unless it is asked to expose the board",
    async (listen) => {
      await expect(serveBoard(machine, listen)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: `${listen} can be reached from other computers.`,
        hint: expect.stringContaining("--expose"),
      })
    },
  )

  it("listens on every address when it is asked to", async () => {
    const server = await serveBoard(machine, "tcp://0.0.0.0:0", undefined, true)
    expect(server.port).toMatch(/^tcp:\/\/0\.0\.0\.0:\d+$/)
    await server.close()
  })

  it("makes a Unix socket that is its owner's alone from its first moment, whatever the umask", () => {
    const before = process.umask(0)
    try {
      const socketPath = path.join(folder, "first-moment")
      const server = ownersOnly(() => net.createServer().listen(socketPath))
      expect(statSync(socketPath).mode & 0o777).toBe(0o600) // before anything else could happen
      server.close()
      expect(process.umask()).toBe(0)
    } finally {
      process.umask(before)
    }
  })

  it("does not take a socket away from who listens on it", async () => {
    const port = `unix:${path.join(folder, "board")}`
    const first = await serveBoard(machine, port)
    await expect(serveBoard(machine, port)).rejects.toMatchObject({ code: "SYSTEM_FAILED" })
    await first.close()
  })

  it("never removes a file that is no socket", async () => {
    const file = path.join(folder, "precious")
    await writeFile(file, "keep me")
    await expect(serveBoard(machine, `unix:${file}`)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" })
    expect(await readFile(file, "utf8")).toBe("keep me")
  })

  it("says when the folder is missing", async () => {
    await expect(serveBoard(machine, `unix:${folder}/no/board`)).rejects.toMatchObject({
      code: "SYSTEM_FAILED",
      hint: expect.stringContaining("mkdir -p"),
    })
  })
})
