// vhci-hcd as sysfs shows it: which ports are there, how one is taken, and which device is ours.

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import {
  attachSocket,
  awaitFree,
  awaitNode,
  detachPort,
  isVhciThere,
  ownPorts,
  readPorts,
  vhciPorts,
} from "../../../host/src/node/usbip/vhci.js"

const TITLE = "hub port sta spd dev      sockfd local_busid\n"
const USED = "hs  0000 006 002 00010001 000003 3-1\n"
const WAITING = "hs  0001 005 002 00010002 000004 0-0\n"
const FREE = "hs  0002 004 000 00000000 000000 0-0\n"
const FAST = "ss  0008 004 000 00000000 000000 0-0\n"

let root: string
const at = (...parts: string[]) => path.join(root, ...parts)
const VHCI = "sys/devices/platform/vhci_hcd.0"

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "vhci-"))
  vi.stubEnv("VIRTIO_MSG_ROOT", root)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(root, { recursive: true })
})

async function makeVhci(...texts: string[]) {
  await mkdir(at(VHCI), { recursive: true })
  for (const [index, text] of texts.entries())
    await writeFile(at(VHCI, index === 0 ? "status" : `status.${index}`), text)
}

async function makeDevice(busId: string, attributes: Readonly<Record<string, string>>) {
  await mkdir(at("sys/bus/usb/devices", busId), { recursive: true })
  for (const [name, text] of Object.entries(attributes))
    await writeFile(at("sys/bus/usb/devices", busId, name), `${text}\n`)
}

describe("the ports", () => {
  it("are read with what each is doing, those of full speed only", () => {
    expect(readPorts(TITLE + USED + WAITING + FREE + FAST)).toEqual([
      { number: 0, isFree: false, busId: "3-1" },
      { number: 1, isFree: false, busId: undefined },
      { number: 2, isFree: true, busId: undefined },
    ])
  })

  it("of all controllers count, and none are there without the module", async () => {
    expect([await isVhciThere(), await vhciPorts()]).toEqual([false, []])
    await makeVhci(TITLE + USED, `${TITLE}hs  0016 004 000 00000000 000000 0-0\n`)
    expect(await isVhciThere()).toBe(true)
    expect((await vhciPorts()).map(({ number }) => number)).toEqual([0, 16])
  })
})

describe("a socket", () => {
  it("goes to the first free port, and leaves it by its number", async () => {
    await makeVhci(TITLE + USED + WAITING + FREE)
    expect(await attachSocket(21, 0x10003)).toBe(2)
    expect(await readFile(at(VHCI, "attach"), "utf8")).toBe("2 21 65539 2")
    await detachPort(2)
    expect(await readFile(at(VHCI, "detach"), "utf8")).toBe("2")
    expect(await awaitFree([2], 1000)).toBe(true)
  })

  it("finds no port where all are in use, and says how to free ours", async () => {
    await makeVhci(TITLE + USED + WAITING)
    await expect(attachSocket(21, 1)).rejects.toMatchObject({
      code: "DEVICE_FAILED",
      hint: expect.stringContaining("virtio-msg detach"),
    })
  })

  it("that the kernel does not take is an error with the next step", async () => {
    await makeVhci(TITLE + FREE)
    await mkdir(at(VHCI, "attach")) // whose writing fails, even root's
    await expect(attachSocket(21, 1)).rejects.toMatchObject({ code: "DEVICE_FAILED" })
  })
})

describe("what the kernel made of a device", () => {
  it.each([
    ["i2c-7", "3-1:1.0/i2c-7", /^i2c-\d+$/],
    ["ttyACM0", "3-1:1.0/tty/ttyACM0", /^ttyACM\d+$/],
    ["chaoskey0", "3-1:1.0/usbmisc/chaoskey0", /^chaoskey\d+$/],
  ])("is found: %s", async (name, folder, pattern) => {
    await makeVhci(TITLE + USED)
    await mkdir(at("sys/bus/usb/devices", folder), { recursive: true })
    expect(await awaitNode(0, pattern, 1000)).toBe(name)
  })

  it("is found by its name when the adapter has no parent", async () => {
    await makeVhci(TITLE + USED)
    await makeDevice("3-1", { busnum: "3", devnum: "12" })
    for (const [number, device] of [
      [4, "011"],
      [5, "012"],
    ]) {
      await mkdir(at(`sys/bus/i2c/devices/i2c-${number}`), { recursive: true })
      await writeFile(at(`sys/bus/i2c/devices/i2c-${number}/name`), `OSIF at bus 003 device ${device}\n`)
    }
    expect(await awaitNode(0, /^i2c-\d+$/, 1000)).toBe("i2c-5")
  })

  it("is waited for, within bounds", async () => {
    await makeVhci(TITLE + USED)
    await expect(awaitNode(0, /^i2c-\d+$/, 50)).rejects.toMatchObject({ code: "TIMEOUT" })
  })

  it("is ours by its manufacturer, and nobody else's", async () => {
    await makeVhci(`${TITLE + USED}hs  0001 006 002 00010002 000004 3-2\n${FREE}`)
    await makeDevice("3-1", { manufacturer: "somebody" })
    await makeDevice("3-2", { manufacturer: "virtio-msg" })
    expect((await ownPorts()).map(({ number }) => number)).toEqual([1])
  })
})
