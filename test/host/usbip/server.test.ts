// The USB/IP server: what a client is shown, one client for each device, and that hostile clients lose their
// connection, cost a bounded amount of memory, and disturb nobody else.

import { once } from "node:events"
import net from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { CdcAcm } from "../../../host/src/node/usbip/cdc-acm.js"
import { ChaosKey } from "../../../host/src/node/usbip/chaos-key.js"
import { descriptorOf } from "../../../host/src/node/usbip/descriptors.js"
import { I2cTinyUsb } from "../../../host/src/node/usbip/i2c-tiny-usb.js"
import { UsbipServer } from "../../../host/src/node/usbip/usbip-server.js"
import { controlBytes, GET, SET, submitBytes, UsbClient, unlinkBytes } from "../../support/usb-client.js"

const silentConsole = {
  async *[Symbol.asyncIterator]() {
    await new Promise<never>(() => {})
  },
  write: async () => {},
}

function newGadgets() {
  const i2c = new I2cTinyUsb({ submit: (all) => all.map(async () => ({ ok: true })) }, "1")
  const rng = new ChaosKey({ read: async (length) => new Uint8Array(length).fill(9) }, "1")
  return [i2c, rng, new CdcAcm(silentConsole, "1")] as const
}

const servers: UsbipServer[] = []
const sockets: net.Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) await server.close()
})

async function setUp() {
  const server = new UsbipServer(newGadgets())
  servers.push(server)
  const refusals: string[] = []
  server.onRefused.on((sentence) => refusals.push(sentence))
  const { port } = new URL(await server.listen("tcp://127.0.0.1:0"))
  /** A connection, what it received so far, and its end. */
  const connect = async () => {
    const socket = net.connect(Number(port), "127.0.0.1")
    sockets.push(socket)
    const received: Buffer[] = []
    let onBytes: (() => void) | undefined
    socket.on("data", (chunk) => {
      received.push(chunk)
      onBytes?.()
    })
    socket.on("error", () => {})
    const closed = once(socket, "close")
    await once(socket, "connect")
    const take = async (count: number): Promise<Buffer> => {
      for (;;) {
        const all = Buffer.concat(received)
        if (all.length >= count) {
          received.splice(0, received.length, all.subarray(count))
          return all.subarray(0, count)
        }
        await new Promise<void>((resolve) => {
          onBytes = resolve
        })
      }
    }
    return { socket, take, closed }
  }
  const importDevice = async (busId: string) => {
    const connection = await connect()
    connection.socket.write(operation(0x8003, busId))
    const reply = await connection.take(8)
    const status = reply.readUInt32BE(4)
    if (status === 0) await connection.take(312)
    return { ...connection, status }
  }
  return { connect, importDevice, refusals, server }
}

function operation(code: number, busId?: string, version = 0x0111): Buffer {
  const bytes = Buffer.alloc(busId === undefined ? 8 : 40)
  bytes.writeUInt16BE(version, 0)
  bytes.writeUInt16BE(code, 2)
  if (busId !== undefined) bytes.write(busId, 8, "latin1")
  return bytes
}

describe("a client", () => {
  it("is shown the devices, each with its interfaces, and may ask again", async () => {
    const { connect } = await setUp()
    const { socket, take } = await connect()
    for (let i = 0; i < 2; i++) {
      socket.write(operation(0x8005))
      const header = await take(12)
      expect([header.readUInt16BE(0), header.readUInt16BE(2), header.readUInt32BE(8)]).toEqual([0x111, 5, 3])
      const busIds: string[] = []
      for (const interfaces of [1, 1, 2]) {
        const device = await take(312)
        expect(device[311]).toBe(interfaces)
        busIds.push(device.toString("latin1", 256, 288).replace(/\0.*$/s, ""))
        await take(4 * interfaces)
      }
      expect(busIds).toEqual(["1-1", "1-2", "1-3"])
    }
  })

  it("has a device alone until it lets go of it", async () => {
    const { importDevice, server } = await setUp()
    const first = await importDevice("1-1")
    expect(first.status).toBe(0)
    expect((await importDevice("1-1")).status).toBe(2)
    expect((await importDevice("1-9")).status).toBe(4)
    const gone = new Promise<void>((resolve) => {
      server.onImport.on((_, isImported) => !isImported && resolve())
    })
    first.socket.destroy()
    await gone
    expect((await importDevice("1-1")).status).toBe(0)
  })

  it("reads descriptors whose lengths agree, piece by piece as the kernel does", async () => {
    const { importDevice } = await setUp()
    const { socket } = await importDevice("1-3")
    const client = new UsbClient((bytes) => socket.write(bytes))
    socket.removeAllListeners("data")
    socket.on("data", (bytes) => client.take(bytes))
    const get = (value: number, data: number) => client.control({ type: 0x80, request: 6, value, data })
    const { data: device } = await get(0x100, 64)
    expect([device.length, device[0]]).toEqual([18, 18])
    const { data: head } = await get(0x200, 9)
    const total = (head[2] ?? 0) | ((head[3] ?? 0) << 8)
    const { data: all } = await get(0x200, total)
    expect(all).toHaveLength(total)
    const types: number[] = []
    for (let at = 0; at < all.length; at += all[at] ?? 1) types.push(all[at + 1] ?? 0)
    expect(types).toEqual([2, 4, 0x24, 0x24, 0x24, 0x24, 5, 4, 5, 5])
    expect((await get(0x302, 255)).data).toEqual([...(descriptorOf(newGadgets()[2].description, 3, 2) ?? [])])
    expect((await get(0x600, 10)).status).toBe(-32)
    expect((await client.control({ type: 0, request: 9, value: 1, data: [] })).status).toBe(0)
  })
})

describe("listening", () => {
  it.each(["tcp://0.0.0.0:0", "tcp://[::]:0", "tcp://192.0.2.1:0"])("on %s wants ,expose", async (where) => {
    const server = new UsbipServer([])
    await expect(server.listen(where)).rejects.toThrow(/can be reached from other computers/)
  })

  it("on an address that others reach works with ,expose", async () => {
    const server = new UsbipServer([])
    servers.push(server)
    expect(await server.listen("tcp://0.0.0.0:0,expose")).toMatch(/^tcp:\/\/0\.0\.0\.0:\d+$/)
  })
})

describe("a hostile client loses its connection", () => {
  it.each([
    ["another version", operation(0x8005, undefined, 0x0100)],
    ["an operation that there is not", operation(0x8001)],
  ])("with %s", async (_, bytes) => {
    const { connect, refusals } = await setUp()
    const { socket, closed } = await connect()
    socket.write(bytes)
    await closed
    expect(refusals).toHaveLength(1)
  })

  const header = (edit: (bytes: Buffer) => void) => {
    const bytes = submitBytes({ seqnum: 1, endpoint: 0, isIn: true, data: 4 })
    edit(bytes)
    return bytes
  }
  it.each([
    ["a length below 0", header((bytes) => bytes.writeInt32BE(-1, 24))],
    ["a length of 2 GiB", header((bytes) => bytes.writeInt32BE(0x7fffffff, 24))],
    ["an endpoint that no USB device has", header((bytes) => bytes.writeUInt32BE(16, 16))],
    ["a third direction", header((bytes) => bytes.writeUInt32BE(2, 12))],
    ["a command that there is not", header((bytes) => bytes.writeUInt32BE(3, 0))],
    [
      "a sequence number twice",
      Buffer.concat(
        [1, 1]
          .map(() => submitBytes({ seqnum: 1, endpoint: 1, isIn: true, data: 0 }))
          .concat(
            Array.from({ length: 300 }, () => submitBytes({ seqnum: 7, endpoint: 3, isIn: true, data: 8 })),
          ),
      ),
    ],
  ])("with %s", async (_, bytes) => {
    const { importDevice, refusals } = await setUp()
    const { socket, closed } = await importDevice("1-3")
    socket.write(bytes)
    await closed
    expect(refusals).toHaveLength(1)
  })

  it("with more transfers than it may have waiting", async () => {
    const { importDevice, refusals } = await setUp()
    const { socket, closed } = await importDevice("1-3")
    for (let seqnum = 1; seqnum <= 257; seqnum++)
      socket.write(submitBytes({ seqnum, endpoint: 3, isIn: true, data: 8 }))
    await closed
    expect(refusals[0]).toMatch(/too many transfers waiting/)
  })

  it("and nobody else notices: a flood that is never read costs its bound, and unlinks of nothing are answered", async () => {
    const { importDevice } = await setUp()
    const flood = await importDevice("1-1")
    flood.socket.pause()
    const requests = Buffer.concat(
      Array.from({ length: 1000 }, (_, at) => controlBytes(at + 1, { type: GET, request: 1, data: 4 })),
    )
    for (let i = 0; i < 40; i++) flood.socket.write(requests)
    const other = await importDevice("1-2")
    other.socket.write(unlinkBytes(5, 4))
    const unlinked = await other.take(48)
    expect([unlinked.readUInt32BE(0), unlinked.readInt32BE(20)]).toEqual([4, 0])
    other.socket.write(submitBytes({ seqnum: 6, endpoint: 1, isIn: true, data: 64 }))
    expect((await other.take(48 + 64)).subarray(48)).toEqual(Buffer.alloc(64, 9))
    other.socket.write(controlBytes(7, { type: SET, request: 99, data: [1, 2, 3] }))
    expect((await other.take(48)).readInt32BE(20)).toBe(-32)
  })
})
