// A board that comes back as another serial port: pseudo-terminals through the serialport stack, behind a folder that
// looks like a computer's /sys and /dev. In real time, but nothing here depends on how long it takes.

import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type BoardServer, serveBoard } from "../../host/src/node/board-server.js"
import { SerialLocation } from "../../host/src/node/serial-location.js"
import type { SerialPortInfo } from "../../host/src/node/serial-ports.js"
import { openBus } from "../../host/src/open-bus.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"

let root: string
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "virtio-msg-replug-"))
  process.env.VIRTIO_MSG_ROOT = root
})
afterEach(async () => {
  delete process.env.VIRTIO_MSG_ROOT
  await rm(root, { recursive: true })
})

/** Makes `target` appear as a Pico's serial port with this name and serial number. */
async function addTty(name: string, target: string, serial: string): Promise<void> {
  const usb = path.join(root, "sys/devices", name)
  await mkdir(path.join(usb, "1-1:1.0"), { recursive: true })
  for (const [file, text] of Object.entries({ idVendor: "2e8a", idProduct: "420a", serial }))
    await writeFile(path.join(usb, file), `${text}\n`)
  await mkdir(path.join(root, "sys/class/tty", name), { recursive: true })
  await symlink(path.join(usb, "1-1:1.0"), path.join(root, "sys/class/tty", name, "device"))
  await mkdir(path.join(root, "dev"), { recursive: true })
  await symlink(target, path.join(root, "dev", name))
}

async function removeTty(name: string): Promise<void> {
  await rm(path.join(root, "sys/class/tty", name), { recursive: true })
  await rm(path.join(root, "dev", name))
}

describe("a board that is unplugged", () => {
  const servers: BoardServer[] = []
  const machines: VirtualMachine[] = []
  async function plugIn(name: string, serial: string): Promise<void> {
    const machine = new VirtualMachine({ program: readFirmware("simulated") })
    await machine.start()
    const server = await serveBoard(machine, "pty")
    machines.push(machine)
    servers.push(server)
    await addTty(name, server.port, serial)
  }
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close()
    for (const machine of machines.splice(0)) machine.stop()
  })

  it.each([
    ["another name", "ttyACM1"],
    ["the same name", "ttyACM0"],
  ])(
    "is found again under %s, by its serial number, and not mistaken for another board",
    async (_n, name) => {
      await plugIn("ttyACM0", "E6614103E7")
      const bus = await openBus({ port: path.join(root, "dev/ttyACM0") })
      try {
        const i2c = await bus.i2c()
        await i2c.writeByte(0x54, 0, 0x7a)
        const gone = new Promise((resolve) => bus.bus.onLost.on((error) => resolve(error.code)))
        const back = new Promise<void>((resolve) => bus.bus.onUp.on(resolve))
        const call = Promise.allSettled([i2c.readByte(0x54, 0)])
        await removeTty("ttyACM0")
        await servers[0]?.close()
        expect(await gone).toBe("LINK_CLOSED")
        await call // it has an end, one or the other
        if (name !== "ttyACM0") await plugIn("ttyACM0", "SOMEBODY ELSE'S")
        await expect(i2c.readByte(0x54, 0)).rejects.toMatchObject({
          code: "LINK_CLOSED",
          maybeExecuted: false,
        })
        await plugIn(name, "E6614103E7")
        await back
        expect(await i2c.readByte(0x54, 0)).toBe(0x31) // it lost its power
      } finally {
        await bus.close()
      }
    },
  )
})

describe("the place of a board", () => {
  const port = (file: string, serialNumber: string | undefined, vendor = 0x2e8a): SerialPortInfo => ({
    path: file,
    usb: { vendor, product: 0x420a, manufacturerName: undefined, productName: undefined, serialNumber },
    boards: [],
    isAccessible: true,
  })

  it("is the path that was given, as long as no board with a serial number was there", async () => {
    let ports: SerialPortInfo[] = []
    const location = new SerialLocation("/x/ttyUSB0", async () => ports)
    expect(await location.find()).toBe("/x/ttyUSB0")
    ports = [port("/x/ttyUSB0", undefined)]
    expect(await location.find()).toBe("/x/ttyUSB0")
    ports = [port("/x/ttyUSB1", undefined)]
    expect(await location.find()).toBe("/x/ttyUSB0")
  })

  it("is the old name among the ports of one board, and never a port of another vendor", async () => {
    let ports = [port("/x/ttyACM0", "1"), port("/x/ttyACM1", "1")]
    const location = new SerialLocation("/x/ttyACM1", async () => ports)
    expect(await location.find()).toBe("/x/ttyACM1")
    expect(await location.find()).toBe("/x/ttyACM1")
    ports = [port("/x/ttyACM1", "2"), port("/x/ttyACM5", "1", 0x1234)]
    await expect(location.find()).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "The board with serial number 1 is not connected.",
    })
    ports = [port("/x/ttyACM1", "2"), port("/x/ttyACM7", "1")]
    expect(await location.find()).toBe("/x/ttyACM7")
  })
})
