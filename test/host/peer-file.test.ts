// A hostile device of the plain profile names a file: which ones our driver writes to (docs/conform-your-own.md "Which
// file"). The files that it must not touch are compared byte by byte afterwards.

import { execFileSync } from "node:child_process"
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import net from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { PlainConnection } from "../../host/src/node/plain-connection.js"
import { encodeGreeting, encodeRecord, PLAIN_MARK } from "../../host/src/plain/plain-record.js"
import { UNLESS_ROOT } from "../support/because.js"

const WINDOW_BYTES = 65536
const EVENTS = { onFrame: () => {}, onClose: () => {} }

/** What a window is when the device greets, but for the mark: bytes that nobody may change. */
function contents(lengthBytes: number, isMarked: boolean): Uint8Array {
  const bytes = new Uint8Array(lengthBytes).fill(0x5a)
  if (isMarked) bytes.set(PLAIN_MARK)
  return bytes
}

describe("the file that a plain device names", () => {
  let folder: string
  let server: net.Server | undefined
  const sockets = new Set<net.Socket>()

  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)))
    server = undefined
  }

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-peer-"))
    mkdirSync(path.join(folder, "sockets"))
    mkdirSync(path.join(folder, "home"))
  })

  afterEach(async () => {
    await stop()
    rmSync(folder, { recursive: true })
  })

  /** A device that names `file` and says no more; returns the port. */
  async function greetWith(file: string, where?: number): Promise<string> {
    const greeting = {
      revision: 1,
      maxMessageSize: 264,
      transportFeatures: 0,
      windowBytes: WINDOW_BYTES,
      file,
    }
    server = net.createServer((socket) => {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.write(encodeRecord(encodeGreeting(greeting)))
    })
    const at = path.join(folder, "sockets", "device")
    await new Promise<void>((resolve) =>
      where === undefined ? server?.listen(at, resolve) : server?.listen(where, "127.0.0.1", resolve),
    )
    return where === undefined
      ? `plain:unix:${at}`
      : `plain:tcp://127.0.0.1:${(server.address() as net.AddressInfo).port}`
  }

  function make(name: string, { isMarked = true, lengthBytes = WINDOW_BYTES } = {}): string {
    const file = path.join(folder, name)
    writeFileSync(file, contents(lengthBytes, isMarked), { mode: 0o600 })
    return file
  }

  /** Every file is as it was made, and the sentence is about `file`. */
  async function expectRefused(file: string, what: string): Promise<void> {
    const port = await greetWith(file)
    await expect(PlainConnection.open(port, EVENTS)).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      message: `The shared memory ${file} ${what}.`,
      hint: expect.stringContaining("docs/conform-your-own.md"),
    })
  }

  it("is written to when it is marked, of the promised size, and beside the socket; the mark stays", async () => {
    const file = make("sockets/window")
    const connection = await PlainConnection.open(await greetWith(file), EVENTS)
    connection.window.write(0, new Uint8Array(32).fill(1))
    const bytes = readFileSync(file)
    expect(bytes.subarray(0, 16)).toEqual(Buffer.from(PLAIN_MARK))
    expect(bytes.subarray(16, 33)).toEqual(Buffer.from([...new Array(16).fill(1), 0x5a]))
    await connection.close()
  })

  it("is written to in a private folder below the one for temporary files", async () => {
    // mkdtemp makes it with mode 0700
    const connection = await PlainConnection.open(await greetWith(make("window")), EVENTS)
    await connection.close()
  })

  it("is left alone where the folder is another, or others may enter it", async () => {
    const elsewhere = make("home/window")
    await expectRefused(
      elsewhere,
      "lies neither in the socket's folder nor in a private one for temporary files",
    )
    await stop()
    const open = make("window")
    chmodSync(folder, 0o755)
    await expectRefused(open, "lies neither in the socket's folder nor in a private one for temporary files")
    expect(readFileSync(elsewhere)).toEqual(Buffer.from(contents(WINDOW_BYTES, true)))
  })

  it("is left alone where it has no mark: a file of the user's", async () => {
    const file = make("sockets/notes", { isMarked: false })
    await expectRefused(file, 'does not begin with "virtio-msg-plain"')
    expect(readFileSync(file)).toEqual(Buffer.from(contents(WINDOW_BYTES, false)))
  })

  it.each([WINDOW_BYTES - 1, WINDOW_BYTES + 1])(
    "is left alone where it has %d bytes",
    async (lengthBytes) => {
      const file = make("sockets/window", { lengthBytes })
      await expectRefused(file, `has ${lengthBytes} bytes instead of ${WINDOW_BYTES}`)
    },
  )

  it("is left alone where it is a symbolic link, reached through one, or has a second name", async () => {
    const target = make("home/window")
    const link = path.join(folder, "sockets", "link")
    symlinkSync(target, link)
    await expectRefused(link, "is no regular file")
    await stop()
    const through = path.join(folder, "sockets", "home")
    symlinkSync(path.join(folder, "home"), through)
    await expectRefused(
      path.join(through, "window"),
      "lies neither in the socket's folder nor in a private one for temporary files",
    )
    await stop()
    const second = path.join(folder, "sockets", "second")
    linkSync(target, second)
    await expectRefused(second, "has other names, too")
    expect(readFileSync(target)).toEqual(Buffer.from(contents(WINDOW_BYTES, true)))
  })

  it("is not even opened where it is a pipe, a device or a folder", async () => {
    const pipe = path.join(folder, "sockets", "pipe")
    execFileSync("mkfifo", [pipe])
    await expectRefused(pipe, "is no regular file")
    await stop()
    await expectRefused(path.join(folder, "sockets", "."), "is no regular file")
  })

  it.skipIf(UNLESS_ROOT)(`is left alone where it belongs to another user${UNLESS_ROOT}`, async () => {
    const file = make("sockets/window")
    chownSync(file, 12345, 12345)
    await expectRefused(file, "belongs to another user")
  })

  it("over TCP is refused unless the user names it to both sides", async () => {
    const file = make("home/window")
    const port = await greetWith(file, 0)
    await expect(PlainConnection.open(port, EVENTS)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: `${port} does not say which file is shared.`,
      hint: expect.stringContaining(`--port ${port},file=PATH`),
    })
    await expect(PlainConnection.open(`${port},file=${make("home/other")}`, EVENTS)).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      message: expect.stringContaining(`names another file than the device, which shares ${file}.`),
    })
    const connection = await PlainConnection.open(`${port},file=${file}`, EVENTS)
    await connection.close()
    expect(readFileSync(file)).toEqual(Buffer.from(contents(WINDOW_BYTES, true)))
  })
})
