// The board's console for a guest, over a real Unix socket on which a test stands for QEMU: bytes both ways, a slow
// peer on either side, and a peer that goes and comes back.

import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import { systemClock } from "../../host/src/clock.js"
import { ConsoleBridge } from "../../host/src/node/console-bridge.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import * as p from "../../shared-protocol/src/index.js"
import { ConsoleTestProgram } from "../support/console-test-program.js"
import { MemoryLink } from "../support/memory-link.js"
import { until } from "./front-end.js"

let folder: string
let path: string
let server: Server | undefined
let opened: OpenedBus
let link: MemoryLink
let device: p.ConsoleDevice
let program: ConsoleTestProgram
let bridge: ConsoleBridge

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "bridge-"))
  path = join(folder, "s")
  program = new ConsoleTestProgram()
  device = new p.ConsoleDevice(program, allocateBytes, 80, 24)
  link = new MemoryLink(systemClock, { types: [device] })
  opened = new OpenedBus(await Bus.open(link, { clock: systemClock }))
  bridge = new ConsoleBridge(await opened.console(), path)
})

afterEach(async () => {
  bridge.close()
  await opened.close()
  server?.close()
  server = undefined
  rmSync(folder, { recursive: true })
})

/** QEMU's end, as soon as the bridge has found it. */
async function accept(): Promise<Socket> {
  server ??= createServer().listen(path)
  const [socket] = await once(server, "connection")
  return socket as Socket
}

/** Everything that comes, as it comes. */
function collect(socket: Socket): number[] {
  const bytes: number[] = []
  socket.on("data", (chunk: Buffer) => bytes.push(...chunk))
  return bytes
}

function say(count: number, from = 0): void {
  program.say(count, from)
  device.wakeOutput()
}

const counted = (length: number, from = 0) => Array.from({ length }, (_, at) => (from + at) & 0xff)

it("carries bytes both ways", async () => {
  bridge.start()
  const socket = await accept()
  const seen = collect(socket)
  socket.write(Uint8Array.from(counted(1000)))
  say(1000, 7)
  await until(() => program.taken.length === 1000 && seen.length === 1000)
  expect(program.taken).toEqual(counted(1000))
  expect(seen).toEqual(counted(1000, 7))
})

it("waits for QEMU, and has kept what the board said before", async () => {
  say(300)
  bridge.start()
  await until(() => program.output.length < 300) // the driver is there, and QEMU is not
  const socket = await accept()
  const seen = collect(socket)
  await until(() => seen.length === 300)
  expect(seen).toEqual(counted(300))
})

it("holds the board's program up while QEMU does not read, and loses no byte", async () => {
  bridge.start()
  const socket = await accept()
  socket.pause()
  const much = 400_000
  say(much)
  let left = much
  // until what lies between is full: nothing moves any more
  for (let still = 0; still < 2000; ) {
    await new Promise((resolve) => setImmediate(resolve))
    still = program.output.length === left ? still + 1 : 0
    left = program.output.length
  }
  expect(left).toBeGreaterThan(0)
  const seen = collect(socket)
  socket.resume()
  await until(() => seen.length === much)
  expect(Buffer.from(seen).equals(Buffer.from(counted(much)))).toBe(true)
})

it("holds QEMU up while the board's program does not read, and loses no byte", async () => {
  program.room = 100
  bridge.start()
  const socket = await accept()
  socket.write(Uint8Array.from(counted(50_000)))
  await until(() => program.taken.length === 100)
  program.room = Number.POSITIVE_INFINITY
  device.wakeInput()
  await until(() => program.taken.length === 50_000)
  expect(program.taken).toEqual(counted(50_000))
})

it("finds a QEMU that starts again", async () => {
  bridge.start()
  const first = await accept()
  first.destroy()
  const second = await accept()
  const seen = collect(second)
  say(5)
  second.write("abc")
  await until(() => seen.length === 5 && program.taken.length === 3)
})

it("goes on with a board that starts again", async () => {
  bridge.start()
  const socket = await accept()
  const seen = collect(socket)
  say(4)
  await until(() => seen.length === 4)
  link.restart()
  await until(() => program.resetCount > 1)
  say(4, 100)
  await until(() => seen.length === 8)
  expect(seen).toEqual([...counted(4), ...counted(4, 100)])
})
