// i2c-bus' Sync methods: programs of their own, since they hold up whatever thread calls them; over the simulated board in
// process, over a socket, and over a pseudo-terminal, which takes the way of a serial port.

import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type BoardServer, serveBoard } from "../../host/src/node/board-server.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { runNode } from "../cli/command.js"

const DROP_IN = fileURLToPath(new URL("../../host/i2c-bus/dist/index.js", import.meta.url))

let folder: string
let machine: VirtualMachine
const servers: BoardServer[] = []
const ports = { sim: "sim", socket: "", terminal: "" }

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-sync-"))
  machine = new VirtualMachine({ program: readFirmware("simulated") })
  await machine.start()
})

afterAll(async () => {
  for (const server of servers) await server.close()
  machine.stop()
  await rm(folder, { recursive: true })
})

/** Runs a program that has `i2c` and prints JSON; what it printed. */
async function run(port: keyof typeof ports, body: string): Promise<unknown> {
  const file = path.join(folder, "program.cjs")
  await writeFile(file, `const i2c = require(${JSON.stringify(DROP_IN)})\nconst out = []\n${body}`)
  let name = ports[port]
  if (port !== "sim") {
    // one at a time: a board has one host
    const server = await serveBoard(
      machine,
      port === "socket" ? `unix:${path.join(folder, "board.sock")}` : "pty",
    )
    servers.push(server)
    name = server.port
  }
  try {
    const { code, stdout, stderr } = await runNode([file], "", { VIRTIO_MSG_PORT: name })
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    return JSON.parse(stdout)
  } finally {
    await servers.pop()?.close()
  }
}

const WAYS = ["sim", "socket", "terminal"] as const

describe.each(WAYS)("over the simulated board (%s)", (port) => {
  it("every Sync method does what its other forms do", async () => {
    const told = await run(
      port,
      `const bus = i2c.openSync(1)
const b = Buffer.from([1, 2, 3, 4])
const read = Buffer.alloc(4)
out.push(bus.readByteSync(0x54, 14))
out.push(bus.writeByteSync(0x54, 0, 0xa1) === bus, bus.writeWordSync(0x54, 1, 0xc3b2) === bus, bus.readWordSync(0x54, 0))
out.push(bus.sendByteSync(0x54, 2) === bus, bus.receiveByteSync(0x54))
out.push(bus.writeI2cBlockSync(0x54, 4, 3, b) === bus, bus.readI2cBlockSync(0x54, 4, 4, read), [...read])
out.push(bus.i2cWriteSync(0x54, 1, Buffer.from([4])), bus.i2cReadSync(0x54, 2, read), [...read])
out.push(bus.writeBlockSync(0x54, 4, 2, b) === bus, bus.writeQuickSync(0x54, 0) === bus)
out.push(bus.scanSync(0x50, 0x54), bus.i2cFuncsSync().i2c)
for (const wrong of [() => bus.readByteSync(0x20, 0), () => bus.readBlockSync(0x54, 0, b), () => bus.readByteSync(0x80, 0)])
  try { wrong() } catch (error) { out.push(error.code ?? error.message) }
bus.closeSync()
try { bus.readByteSync(0x54, 0) } catch (error) { out.push(error.code) }
console.log(JSON.stringify(out))`,
    )
    expect(told).toEqual([
      ...[0x66, true, true, 0xb2a1, true, 0xc3, true, 4, [1, 2, 3, 0x38], 1, 2, [1, 2, 3, 0x38], true, true],
      ...[
        [0x50, 0x54],
        true,
        "ENXIO",
        "EOPNOTSUPP",
        "An I2C address is an integer from 0 to 127, not 128",
        "EBADF",
      ],
    ])
  })

  it("they and the others run in the order in which they are called, on a bus from open", async () => {
    const told = await run(
      port,
      `const bus = i2c.open(1, async (error) => {
  if (error) throw error
  const promised = bus.promisifiedBus()
  out.push(await promised.readByte(0x54, 14))
  const written = promised.writeByte(0x54, 2, 0x99)
  bus.readByte(0x54, 2, (failed, value) => out.push(["callback", failed, value]))
  out.push(bus.readByteSync(0x54, 2))
  await written
  await promised.writeByte(0x54, 2, 0x98)
  out.push(bus.readByteSync(0x54, 2), await promised.readByte(0x54, 2))
  await promised.close()
  console.log(JSON.stringify(out))
})`,
    )
    expect(told).toEqual([0x66, 0x99, ["callback", null, 0x99], 0x98, 0x98])
  })

  it("a bus can be closed and opened in one turn, before the callback of open, and by two users", async () => {
    const told = await run(
      port,
      `i2c.open(1, (error) => {
  out.push(error)
  console.log(JSON.stringify(out))
})
const first = i2c.openSync(1)
const second = i2c.openSync(1)
out.push(first.readByteSync(0x54, 14))
first.closeSync()
out.push(second.readByteSync(0x54, 14))
second.closeSync()
const third = i2c.openSync(1)
out.push(third.readByteSync(0x54, 14))
third.closeSync()`,
    )
    expect(told).toEqual([0x66, 0x66, 0x66, null])
  })
})

it("openSync says at once that the bus is not there", async () => {
  const file = path.join(folder, "absent.cjs")
  const program = `try { require(${JSON.stringify(DROP_IN)}).openSync(1) } catch (e) { console.log(e.code, e.syscall, e.cause.name) }`
  await writeFile(file, program)
  const { stdout } = await runNode([file], "", { VIRTIO_MSG_PORT: "/dev/ttyACM99" })
  expect(stdout).toBe("ENOENT open VirtioMsgError\n")
})

it("a program without Sync methods starts no thread on a board outside the process", async () => {
  const told = await run(
    "socket",
    `const { Worker } = require("node:worker_threads")
const threads = require("node:worker_threads")
let started = 0
threads.Worker = class extends Worker { constructor(...args) { super(...args); started++ } }
i2c.openPromisified(1).then(async (bus) => {
  out.push(await bus.readByte(0x54, 14))
  await bus.close()
  console.log(JSON.stringify([...out, started]))
})`,
  )
  expect(told).toEqual([0x66, 0])
})
