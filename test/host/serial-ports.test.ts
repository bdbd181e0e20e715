// Serial ports, boards and boot loaders, found in a folder that looks like a Linux's root.

import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { countBootloaders, findBootDrives } from "../../host/src/node/boot-drives.js"
import { findBoards } from "../../host/src/node/find-boards.js"
import { permissionHint, udevRule } from "../../host/src/node/port-permission.js"
import { listSerialPorts } from "../../host/src/node/serial-ports.js"
import { BOOTSEL_USB, FakeRoot, PICO_USB } from "../support/fake-root.js"

let root: FakeRoot
beforeEach(async () => {
  root = new FakeRoot(await mkdtemp(path.join(tmpdir(), "virtio-msg-root-")))
  vi.stubEnv("VIRTIO_MSG_ROOT", root.folder)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(root.folder, { recursive: true })
})

describe("listSerialPorts", () => {
  it("has every port that has hardware, in order, and what it may be", async () => {
    await root.addUsbPort("ttyACM10", { idVendor: "303a", idProduct: "1001" })
    await root.addUsbPort("ttyACM2", PICO_USB)
    await root.addUsbPort("ttyUSB0", { idVendor: "0403", idProduct: "6001", product: "FT232R" })
    await root.addBuiltInPort("ttyS0", 4)
    await root.addBuiltInPort("ttyS1", 0)
    await root.addConsole("tty1")
    const ports = await listSerialPorts()
    expect(
      ports.map((port) => [path.basename(port.path), port.boards.map(({ id }) => id).slice(0, 2)]),
    ).toEqual([
      ["ttyACM2", ["pico", "pico_w"]],
      ["ttyACM10", ["esp32c3_supermini", "seeed_xiao_esp32c3"]],
      ["ttyS0", []],
      ["ttyUSB0", []],
    ])
    expect(ports[0]?.usb).toEqual({
      vendor: 0x303a,
      product: 0x000a,
      manufacturerName: "Raspberry Pi",
      productName: "RP2040",
      serialNumber: "JD0011",
    })
    expect(ports[0]?.isAccessible).toBe(true)
  })

  it("is empty where there is no sysfs", async () => {
    expect(await listSerialPorts()).toEqual([])
  })

  it("says that a port cannot be used when its file is not there", async () => {
    const port = await root.addUsbPort("ttyACM0", PICO_USB)
    await rm(port)
    expect((await listSerialPorts())[0]?.isAccessible).toBe(false)
  })
})

describe("findBoards", () => {
  it("finds the boards that we know, by path, and nothing else", async () => {
    await root.addUsbPort("ttyACM1", PICO_USB)
    await root.addUsbPort("ttyACM0", { idVendor: "303a", idProduct: "1001" })
    await root.addUsbPort("ttyUSB0", { idVendor: "0403", idProduct: "6001" })
    await root.addUsbPort("ttyACM2", { idVendor: "1a86", idProduct: "55d4" }) // a CH9102
    expect(await findBoards()).toEqual([
      {
        path: path.join(root.folder, "dev/ttyACM0"),
        board: "a board with ESP32-C3 or ESP32-S3",
        serialNumber: undefined,
      },
      {
        path: path.join(root.folder, "dev/ttyACM1"),
        board: "Raspberry Pi Pico or Raspberry Pi Pico W",
        serialNumber: "JD0011",
      },
      { path: path.join(root.folder, "dev/ttyACM2"), board: "ESP32-DevKitC", serialNumber: undefined },
    ])
  })
})

describe("boot loaders", () => {
  it("are found by the file on their drives, also with spaces in the path", async () => {
    await root.addBootDrive("/media/a user/RPI-RP2", "RPI-RP2")
    await root.addBootDrive("/media/other", "RP2350")
    expect(await findBootDrives()).toEqual([
      { folder: path.join(root.folder, "media/a user/RPI-RP2"), boardId: "RPI-RP2" },
      { folder: path.join(root.folder, "media/other"), boardId: "RP2350" },
    ])
  })

  it("are counted on USB, mounted or not", async () => {
    expect(await countBootloaders({ vendor: 0x2e8a, product: 3 })).toBe(0)
    await root.addUsbDevice(BOOTSEL_USB)
    await root.addUsbDevice(PICO_USB)
    expect(await countBootloaders({ vendor: 0x2e8a, product: 3 })).toBe(1)
  })
})

describe("the hint for a port without permission", () => {
  const usb = {
    vendor: 0x2e8a,
    product: 0x420a,
    manufacturerName: undefined,
    productName: undefined,
    serialNumber: undefined,
  }

  it("is the group that may, where there is one", async () => {
    const port = path.join(root.folder, "port")
    await writeFile(port, "")
    const groupId = process.getgid?.() || 4242 // root may give the file to any group
    await chown(port, process.getuid?.() ?? 0, groupId)
    await chmod(port, 0o660)
    await mkdir(path.join(root.folder, "etc"))
    await writeFile(path.join(root.folder, "etc/group"), `root:x:0:\ndialout:x:${groupId}:me\n`)
    expect(await permissionHint(port, usb)).toBe(
      "You may not use this port: sudo usermod -a -G dialout $USER, then log in again.",
    )
  })

  it("is a udev rule where the port belongs to no group that one could join", async () => {
    const port = path.join(root.folder, "port")
    await writeFile(port, "")
    await chmod(port, 0o600)
    expect(udevRule(usb)).toBe(
      'SUBSYSTEM=="tty", ATTRS{idVendor}=="2e8a", ATTRS{idProduct}=="420a", TAG+="uaccess"',
    )
    expect(await permissionHint(port, usb)).toContain(udevRule(usb))
    expect(await permissionHint(port, undefined)).toContain("ask whoever manages this computer")
  })
})
