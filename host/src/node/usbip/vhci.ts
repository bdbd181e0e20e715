// Linux's virtual USB host controller (module vhci-hcd), as sysfs shows it:
//
//   status, status.1, ...   a line a port: "hs  0000 006 002 00010001 000003 1-1": hub, port, state, speed, device id,
//                           socket, and the device's place on the USB once it has one
//   attach, detach          take "PORT SOCKET DEVICE SPEED", and "PORT"; root's, unless somebody changed that

import { readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type Clock, delay, systemClock } from "../../clock.js"
import { deviceFailed, VirtioMsgError } from "../../errors.js"
import { isThere, systemPath } from "../system-root.js"
import { SPEED_FULL } from "./messages.js"

const FOLDER = "/sys/devices/platform/vhci_hcd.0"
const USB_DEVICES = "/sys/bus/usb/devices"
const STATE_FREE = 4
const POLL_MS = 20
/** All our gadgets have it, and nothing else does. */
export const MANUFACTURER = "virtio-msg"

export interface VhciPort {
  readonly number: number
  readonly isFree: boolean
  /** The device's place, as `3-1`. Undefined while it has none. */
  readonly busId: string | undefined
}

export function isVhciThere(): Promise<boolean> {
  return isThere(systemPath(join(FOLDER, "status")))
}

/** The ports for devices of full speed. */
export async function vhciPorts(): Promise<VhciPort[]> {
  const folder = systemPath(FOLDER)
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^status(\.\d+)?$/.test(name))
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "latin1")))
  return texts.flatMap(readPorts).sort((one, other) => one.number - other.number)
}

export function readPorts(text: string): VhciPort[] {
  return text.split("\n").flatMap((line) => {
    const [, number, state, busId] = /^hs\s+(\d+)\s+(\d+)\s+\d+\s+\w+\s+\d+\s+(\S+)/.exec(line) ?? []
    if (number === undefined) return []
    return {
      number: Number(number),
      isFree: Number(state) === STATE_FREE,
      busId: busId === undefined || busId === "0-0" ? undefined : busId,
    }
  })
}

/**
 * Gives the socket to the kernel as a device's transfers; resolves with the port. Rejects with DEVICE_FAILED when none
 * is free, with INVALID_ARGUMENT when this user may not.
 */
export async function attachSocket(socket: number, deviceId: number): Promise<number> {
  for (const { number, isFree } of await vhciPorts()) {
    if (!isFree) continue
    try {
      await writeFile(systemPath(join(FOLDER, "attach")), `${number} ${socket} ${deviceId} ${SPEED_FULL}`)
      return number
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === "EBUSY") continue // another process was faster
      throw writeError(error as NodeJS.ErrnoException)
    }
  }
  throw deviceFailed("All ports of vhci-hcd are in use.", {
    hint: "See them with usbip port, and free ours: sudo virtio-msg detach",
  })
}

export async function detachPort(port: number): Promise<void> {
  try {
    await writeFile(systemPath(join(FOLDER, "detach")), `${port}`)
  } catch (error) {
    throw writeError(error as NodeJS.ErrnoException)
  }
}

/** The ports that have a device of ours. */
export async function ownPorts(): Promise<VhciPort[]> {
  const used = (await vhciPorts()).filter(({ busId }) => busId !== undefined)
  const isOurs = await Promise.all(used.map(({ busId }) => attribute(busId ?? "", "manufacturer")))
  return used.filter((_, at) => isOurs[at] === MANUFACTURER)
}

/** An attribute of a USB device; undefined when it has none. */
export async function attribute(busId: string, name: string): Promise<string | undefined> {
  const text = await readFile(systemPath(join(USB_DEVICES, busId, name)), "utf8").catch(() => undefined)
  return text?.trim()
}

/**
 * Waits until the kernel's driver has made something of the device on a port. Resolves with its name: a name below the
 * device's first interface that matches `pattern`, or an I2C adapter named after the device's place: `i2c-7`. Rejects
 * with TIMEOUT.
 */
export async function awaitNode(
  port: number,
  pattern: RegExp,
  limitMs: number,
  clock: Clock = systemClock,
): Promise<string> {
  const endMs = clock.now() + limitMs
  for (;;) {
    const busId = (await vhciPorts()).find(({ number }) => number === port)?.busId
    const folder = systemPath(join(USB_DEVICES, `${busId}:1.0`))
    const found =
      busId === undefined
        ? undefined
        : ((await findBelow(folder, pattern)) ?? (await findAdapter(busId, pattern)))
    if (found !== undefined) return found
    if (clock.now() >= endMs)
      throw new VirtioMsgError("TIMEOUT", `The kernel made nothing of the USB device on vhci port ${port}.`, {
        hint: "What does it say? sudo dmesg | tail",
      })
    await delay(clock, POLL_MS)
  }
}

/** Resolves when the ports are free again, or when the time is over. */
export async function awaitFree(
  ports: readonly number[],
  limitMs: number,
  clock: Clock = systemClock,
): Promise<boolean> {
  const endMs = clock.now() + limitMs
  for (;;) {
    const all = await vhciPorts()
    if (ports.every((port) => all.find(({ number }) => number === port)?.isFree ?? true)) return true
    if (clock.now() >= endMs) return false
    await delay(clock, POLL_MS)
  }
}

/** In the folder itself, or in the folder of a class there: `tty/ttyACM0`. */
async function findBelow(folder: string, pattern: RegExp): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => [])
  const here = names.find((name) => pattern.test(name))
  if (here !== undefined) return here
  for (const name of ["tty", "usbmisc"]) {
    const inClass = await readdir(join(folder, name)).catch(() => [])
    const found = inClass.find((each) => pattern.test(each))
    if (found !== undefined) return found
  }
  return undefined
}

/** The driver robotfuzz-osif gives its adapter no parent. Only the adapter's name says where it is. */
async function findAdapter(busId: string, pattern: RegExp): Promise<string | undefined> {
  const place = await Promise.all(["busnum", "devnum"].map((name) => attribute(busId, name)))
  const [bus, device] = place.map((number) => number?.padStart(3, "0"))
  const folder = systemPath("/sys/bus/i2c/devices")
  for (const name of await readdir(folder).catch(() => [])) {
    if (!pattern.test(name)) continue
    const text = await readFile(join(folder, name, "name"), "utf8").catch(() => "")
    if (text.trim().endsWith(` at bus ${bus} device ${device}`)) return name
  }
  return undefined
}

function writeError(error: NodeJS.ErrnoException): VirtioMsgError {
  const mayNot = error.code === "EACCES" || error.code === "EPERM"
  return new VirtioMsgError(
    mayNot ? "INVALID_ARGUMENT" : "DEVICE_FAILED",
    mayNot
      ? "Only root may attach a USB device."
      : `The kernel does not take the USB device: ${error.message}`,
    {
      hint: mayNot
        ? "Use sudo, or give your group the files attach and detach once: docs/linux.md, Your own Linux."
        : "What does it say? sudo dmesg | tail",
      cause: error,
    },
  )
}
