// Strangers at the sockets of a simulated board and of the plain profile: whatever they send, in whatever pieces, the
// server lives, and the next one who speaks the protocol is served.

import { mkdtemp, rm } from "node:fs/promises"
import net from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { encodeCommand } from "../../host/src/link/jacdac-frame.js"
import { encodeSerialFrame } from "../../host/src/link/jacdac-serial.js"
import { type BoardServer, serveBoard } from "../../host/src/node/board-server.js"
import { servePlainBoard } from "../../host/src/node/plain-board.js"
import { openBus } from "../../host/src/open-bus.js"
import { encodeRecord } from "../../host/src/plain/plain-record.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { seededRandom, wholeNumber } from "../faults/seeded-random.js"

const VISITS = 60
const SEED = 20261128

let folder: string
let machine: VirtualMachine
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-doors-"))
  machine = new VirtualMachine({ program: readFirmware("simulated") })
  await machine.start()
})
afterAll(async () => {
  machine.stop()
  await rm(folder, { recursive: true })
})

const random = seededRandom(SEED)
const randomBytes = (most: number) =>
  Uint8Array.from({ length: wholeNumber(random, 0, most) }, () => wholeNumber(random, 0, 255))

/** Bytes of the protocol, some of them changed. */
function spoilt(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes)
  for (let count = wholeNumber(random, 0, 3); count > 0 && changed.length > 0; count--)
    changed[wholeNumber(random, 0, changed.length - 1)] = wholeNumber(random, 0, 255)
  return changed.subarray(0, wholeNumber(random, 0, changed.length))
}

/** One stranger: connects, sends what it has in pieces, and hangs up or is hung up on. */
async function visit(socketPath: string, makeBytes: () => Uint8Array): Promise<void> {
  const socket = net.connect(socketPath)
  socket.on("error", () => {}) // it is refused: fine
  socket.resume()
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()))
  for (let piece = wholeNumber(random, 1, 5); piece > 0; piece--) socket.write(makeBytes())
  if (random() < 0.5) socket.end()
  else socket.write(makeBytes(), () => socket.destroy())
  setTimeout(() => socket.destroy(), 2000).unref()
  await ended
}

const DOORS = [
  [
    "a simulated board",
    (socketPath: string) => serveBoard(machine, `unix:${socketPath}`),
    () => encodeSerialFrame(encodeCommand("12abdd2289421234", 1, 0x80, randomBytes(200))),
  ],
  [
    "the plain profile",
    (socketPath: string) => servePlainBoard(`plain:unix:${socketPath}`),
    () => encodeRecord(randomBytes(300)),
  ],
] as const

describe.each(DOORS)("the socket of %s", (name, serve, makeFrame) => {
  it(`withstands ${VISITS} strangers (seed ${SEED}), and serves the next one who speaks the protocol`, async () => {
    const socketPath = path.join(folder, name === "a simulated board" ? "board.sock" : "plain.sock")
    const server: BoardServer = await serve(socketPath)
    for (let at = 0; at < VISITS; at++)
      await visit(socketPath, () => (random() < 0.3 ? randomBytes(600) : spoilt(makeFrame())))
    const bus = await openBus({ port: server.port })
    const i2c = await bus.i2c()
    expect(await i2c.readByte(0x54, 14)).toBe(0x66)
    await bus.close()
    await server.close()
  })
})
