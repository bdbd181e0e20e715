// macOS and Windows as far as they can be played here: their names for ports, the listing of the serialport package in
// place of sysfs, and what its binding says when a port cannot be opened. Nothing was tried on either.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { countBootloaders, findBootDrives } from "../../host/src/node/boot-drives.js"
import { findBoards } from "../../host/src/node/find-boards.js"
import { findPortHolders } from "../../host/src/node/port-holders.js"
import { listSerialPorts } from "../../host/src/node/serial-ports.js"
import { openError } from "../../host/src/node/serial-stream.js"

const listed = vi.hoisted(() => ({ ports: [] as object[] }))
vi.mock("@serialport/bindings-cpp", () => ({ autoDetect: () => ({ list: async () => listed.ports }) }))

const PICO = { manufacturer: "Raspberry Pi", serialNumber: "JD01", vendorId: "303A", productId: "000A" }
const UNKNOWN = {
  manufacturer: undefined,
  serialNumber: undefined,
  vendorId: undefined,
  productId: undefined,
}

const platform = process.platform
beforeEach(() => vi.stubEnv("VIRTIO_MSG_ROOT", ""))
afterEach(() => {
  vi.unstubAllEnvs()
  Object.defineProperty(process, "platform", { value: platform })
})

describe.each([
  ["darwin", "/dev/tty.usbmodem1101", "/dev/tty.Bluetooth-Incoming-Port"],
  ["win32", "COM3", "COM10"],
])("on %s", (system, picoPath, otherPath) => {
  beforeEach(() => {
    Object.defineProperty(process, "platform", { value: system })
    listed.ports = [
      { path: otherPath, ...UNKNOWN },
      { path: picoPath, ...PICO },
    ]
  })

  it("the ports are those of the listing, and a board among them is known", async () => {
    const ports = await listSerialPorts()
    expect(ports.map(({ path, usb }) => [path, usb?.serialNumber]).sort()).toEqual(
      [
        [otherPath, undefined],
        [picoPath, "JD01"],
      ].sort(),
    )
    expect(await findBoards()).toEqual([
      { path: picoPath, board: "Raspberry Pi Pico or Raspberry Pi Pico W", serialNumber: "JD01" },
    ])
    if (system === "win32") expect(ports.every(({ isAccessible }) => isAccessible)).toBe(true)
  })

  it("drives and programs are looked for without sysfs and /proc", async () => {
    vi.stubEnv("VIRTIO_MSG_ROOT", "/nowhere")
    expect(await findBootDrives()).toEqual([])
    expect(await countBootloaders({ vendor: 0x2e8a, product: 3 })).toBe(0)
    expect(await findPortHolders([picoPath])).toEqual(new Map([[picoPath, []]]))
  })
})

describe("a port that cannot be opened", () => {
  it.each([
    ["win32", "Opening COM9: File not found", "NOT_FOUND", /^There is no serial port COM9\.$/],
    ["win32", "Opening COM9: Access denied", "CONNECT_FAILED", /^Another program has COM9 open\.$/],
    [
      "linux",
      "Error: No such file or directory, cannot open COM9",
      "NOT_FOUND",
      /^There is no serial port COM9\.$/,
    ],
    [
      "linux",
      "Error Resource temporarily unavailable Cannot lock port",
      "CONNECT_FAILED",
      /^Another program has COM9 open/,
    ],
    ["darwin", "Error: Resource busy, cannot open COM9", "CONNECT_FAILED", /^Another program has COM9 open/],
    [
      "linux",
      "Error: Permission denied, cannot open COM9",
      "CONNECT_FAILED",
      /^Cannot open COM9: Permission denied/,
    ],
    ["linux", "Error: Inappropriate ioctl for device", "CONNECT_FAILED", /^COM9 is no serial port\.$/],
  ])("on %s, with %s, is %s", async (system, said, code, message) => {
    Object.defineProperty(process, "platform", { value: system })
    const error = await openError("COM9", new Error(said))
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
    expect(error.hint).toMatch(/\.|:/)
  })
})
