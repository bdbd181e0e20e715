// What the drop-in does on the bus of the simulated board, and what it says when something fails.

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import * as i2c from "@virtio-msg/i2c-bus"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { deviceId, i2cWrite, readByte } from "../../host/i2c-bus/dist/transactions.js"
import { translateError } from "../../host/i2c-bus/dist/translate-error.js"
import { type ErrorCode, VirtioMsgError } from "../../host/src/errors.js"
import { serveBoard } from "../../host/src/node/board-server.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"

const RAM = 0x54

describe("on the simulated board", () => {
  let bus: i2c.PromisifiedBus

  beforeAll(async () => {
    process.env.VIRTIO_MSG_PORT = "sim"
    bus = await i2c.openPromisified(1)
  })

  afterAll(() => bus.close())

  it("every kind of transaction does what SMBus and I2C say", async () => {
    expect(await bus.readByte(RAM, 14)).toBe(0x66)
    await bus.writeByte(RAM, 0, 0xa1)
    await bus.writeWord(RAM, 1, 0xc3b2)
    expect(await bus.readWord(RAM, 0)).toBe(0xb2a1) // low byte first
    await bus.sendByte(RAM, 2)
    expect(await bus.receiveByte(RAM)).toBe(0xc3)
    const block = Buffer.from([1, 2, 3, 4])
    expect(await bus.writeI2cBlock(RAM, 4, 3, block)).toEqual({ bytesWritten: 3, buffer: block })
    const read = Buffer.alloc(8, 0xee)
    const { bytesRead, buffer } = await bus.readI2cBlock(RAM, 4, 4, read)
    expect(bytesRead).toBe(4)
    expect(buffer).toBe(read)
    expect([...read]).toEqual([1, 2, 3, 0x38, 0xee, 0xee, 0xee, 0xee])
    const message = Buffer.from([10, 0x55, 0x66])
    expect(await bus.i2cWrite(RAM, 2, message)).toEqual({ bytesWritten: 2, buffer: message })
    await bus.i2cWrite(RAM, 1, message)
    expect([...(await bus.i2cRead(RAM, 2, Buffer.alloc(2))).buffer]).toEqual([0x55, 0x63])
    expect((await bus.writeBlock(RAM, 4, 2, block)).bytesWritten).toBe(2)
    expect([...(await bus.readI2cBlock(RAM, 4, 3, read)).buffer.subarray(0, 3)]).toEqual([2, 1, 2])
    await expect(bus.readBlock(RAM, 4, read)).rejects.toMatchObject({ code: "EOPNOTSUPP", errno: 95 })
    await bus.writeQuick(RAM, 0)
    expect((await bus.i2cWrite(RAM, 0, message)).bytesWritten).toBe(0)
  })

  it("scans everything, one address, or a range", async () => {
    expect(await bus.scan()).toEqual([0x48, 0x50, 0x54, 0x56, 0x76])
    expect(await bus.scan(0x48)).toEqual([0x48])
    expect(await bus.scan(0x03)).toEqual([])
    expect(await bus.scan(0x50, 0x54)).toEqual([0x50, 0x54])
    expect(await bus.scan(0x54, 0x50)).toEqual([])
  })

  it("a chip that is not there is ENXIO, also in its callbacks", async () => {
    await expect(bus.writeQuick(0x20, 0)).rejects.toMatchObject({
      message: "ENXIO, No such device or address: no chip acknowledged at 0x20.",
      errno: 6,
      code: "ENXIO",
      syscall: "writeQuick",
    })
    const [error] = await new Promise<unknown[]>((resolve) =>
      bus.bus().i2cRead(0x20, 1, Buffer.alloc(1), (...args) => resolve(args)),
    )
    expect(error).toMatchObject({ code: "ENXIO", syscall: "read" })
  })

  it("callbacks get null and what was read", async () => {
    const [error, count, buffer] = await new Promise<unknown[]>((resolve) =>
      bus.bus().readI2cBlock(0x76, 0xd0, 1, Buffer.alloc(1), (...args) => resolve(args)),
    )
    expect([error, count, (buffer as Buffer)[0]]).toEqual([null, 1, 0x60])
  })

  it("says what the adapter can do", async () => {
    const funcs = await bus.i2cFuncs()
    expect(Object.isFrozen(funcs)).toBe(true)
    expect(funcs).toMatchObject({ i2c: true, tenBitAddr: false, smbusReadBlock: false, smbusQuick: true })
  })
})

describe("bus numbers", () => {
  const names = ["VIRTIO_MSG_PORT", "VIRTIO_MSG_PORT_3", "VIRTIO_MSG_PORT_4"]
  afterEach(() => {
    for (const name of names) delete process.env[name]
  })

  it("with a variable of their own are another board; all others are one, and shared", async () => {
    process.env.VIRTIO_MSG_PORT = "sim"
    process.env.VIRTIO_MSG_PORT_3 = "/dev/ttyACM99"
    const one = await i2c.openPromisified(1)
    const two = await i2c.openPromisified(2)
    await one.writeByte(RAM, 0, 0x77)
    expect(await two.readByte(RAM, 0)).toBe(0x77)
    await expect(i2c.openPromisified(3)).rejects.toMatchObject({
      code: "ENOENT",
      errno: 2,
      syscall: "open",
      message: expect.stringContaining("There is no serial port /dev/ttyACM99."),
    })
    await one.close()
    expect(await two.readByte(RAM, 0)).toBe(0x77) // the board stays for its other user
    await expect(one.close()).rejects.toMatchObject({ code: "EBADF", syscall: "close" })
    await two.close()
  })

  it("without a variable are the one board that is connected, never the simulated one unasked", async () => {
    process.env.VIRTIO_MSG_ROOT = await mkdtemp(path.join(tmpdir(), "virtio-msg-i2c-bus-")) // no ports there
    names.push("VIRTIO_MSG_ROOT")
    await expect(i2c.openPromisified(5)).rejects.toMatchObject({
      code: "ENOENT",
      syscall: "open",
      message: expect.stringMatching(/No board is connected\. .* VIRTIO_MSG_PORT=sim/),
    })
  })

  it("can be closed and opened at once; while the board is unplugged a call is ENODEV, and after that it works again", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-i2c-bus-"))
    const port = `unix:${path.join(folder, "board.sock")}`
    process.env.VIRTIO_MSG_PORT_4 = port
    const machine = new VirtualMachine({ program: readFirmware("simulated") })
    await machine.start()
    try {
      let server = await serveBoard(machine, port)
      const bus = await i2c.openPromisified(4)
      const closing = bus.close()
      const again = await i2c.openPromisified(4)
      await closing
      expect(await again.readByte(RAM, 14)).toBe(0x66)
      await server.close()
      await expect(again.readByte(RAM, 14)).rejects.toMatchObject({ code: "ENODEV", errno: 19 })
      server = await serveBoard(machine, port)
      expect(await again.readByte(RAM, 14)).toBe(0x66)
      await again.close()
      await server.close()
    } finally {
      machine.stop()
      await rm(folder, { recursive: true })
    }
  })
})

describe("errors", () => {
  it.each([
    ["NACK", "ENXIO", 6],
    ["TIMEOUT", "ETIMEDOUT", 110],
    ["DEVICE_RESTARTED", "EIO", 5],
    ["DEVICE_FAILED", "EIO", 5],
    ["LINK_CLOSED", "ENODEV", 19],
    ["INVALID_ARGUMENT", "EINVAL", 22],
    ["PROTOCOL", "EPROTO", 71],
  ] satisfies [ErrorCode, string, number][])("%s is %s", (ours, code, errno) => {
    const cause = new VirtioMsgError(ours, "What happened.", { hint: "What to do." })
    const error = translateError(cause, "readByte")
    expect(error).toMatchObject({ code, errno, syscall: "readByte", cause })
    expect((error as Error).message).toMatch(new RegExp(`^${code}, [\\w/ ]+: What happened. What to do.$`))
  })

  it("of a port that may not be used are EACCES", () => {
    const cause = new VirtioMsgError("CONNECT_FAILED", "Cannot open /dev/ttyACM0: Permission denied")
    expect(translateError(cause, "open")).toMatchObject({ code: "EACCES", errno: 13 })
  })

  it("that are defects stay as they are", () => {
    const defect = new TypeError("x is not a function")
    expect(translateError(defect, "readByte")).toBe(defect)
  })

  it("tell a refused read behind a write that was acknowledged: EIO", () => {
    const { finish } = readByte(0x21, 0)
    expect(() => finish([{ ok: true }, { ok: false }])).toThrow(
      expect.objectContaining({ code: "EIO", errno: 5, syscall: "readByte" }),
    )
  })

  it("the device id asks the reserved address for three bytes and takes them apart", () => {
    const { syscall, requests, finish } = deviceId(0x20)
    expect(syscall).toBe("deviceId")
    expect(requests).toEqual([
      { address: 0x7c, write: Uint8Array.of(0x40), failNext: true },
      { address: 0x7c, readLength: 3, failNext: false },
    ])
    expect(finish([{ ok: true }, { ok: true, data: Uint8Array.of(0x00, 0x61, 0x48) }])).toEqual({
      manufacturer: 6,
      product: 0x148,
      name: "STMicroelectronics",
    })
  })

  it("a write keeps the bytes that the caller's Buffer held when it was called", () => {
    const buffer = Buffer.from([1, 2, 3])
    const { requests } = i2cWrite(0x54, 2, buffer)
    buffer.fill(0xff)
    expect([...(requests[0]?.write ?? [])]).toEqual([1, 2])
  })
})
