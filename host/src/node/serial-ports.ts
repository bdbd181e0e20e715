// Every serial port of this computer, and what it probably is. On Linux this is read from sysfs. The serialport
// package's own listing needs udevadm, which small systems lack; it is used elsewhere.

import { constants } from "node:fs"
import { readdir, readFile, realpath } from "node:fs/promises"
import path from "node:path"
import { BOARDS, type Board } from "../../../boards/src/index.js"
import { isThere, systemPath } from "./system-root.js"
import { readUsbDevice, type UsbDevice } from "./usb-device.js"

export interface SerialPortInfo {
  readonly path: string
  /** undefined for a port that is not on USB. */
  readonly usb: UsbDevice | undefined
  /** The boards that it may be, by its USB ids; several boards share ids. */
  readonly boards: readonly Board[]
  /** Whether this user may read and write it. */
  readonly isAccessible: boolean
}

/** Between a tty and its USB device, a path in sysfs has so many places. */
const USB_LEVELS = 4

/** The serial ports by name, without those that the computer only has numbers for. */
export async function listSerialPorts(): Promise<SerialPortInfo[]> {
  return process.platform === "linux" || process.env.VIRTIO_MSG_ROOT ? listFromSysfs() : listByBinding()
}

async function listFromSysfs(): Promise<SerialPortInfo[]> {
  const folder = systemPath("/sys/class/tty")
  const names = await readdir(folder).catch(() => [])
  const infos = await Promise.all(
    names.map(async (name): Promise<SerialPortInfo | undefined> => {
      let device: string
      try {
        device = await realpath(path.join(folder, name, "device")) // consoles and pseudo-terminals have none
      } catch {
        return undefined
      }
      const usb = await usbDeviceAbove(device)
      if (!usb && !(await hasHardware(path.join(folder, name)))) return undefined
      return makeInfo(systemPath(`/dev/${name}`), usb)
    }),
  )
  return inOrder(infos.filter((info) => info !== undefined))
}

/** A built-in port has type 0 when nothing is connected to it. */
async function hasHardware(folder: string): Promise<boolean> {
  try {
    return (await readFile(path.join(folder, "type"), "utf8")).trim() !== "0"
  } catch {
    return false
  }
}

async function usbDeviceAbove(device: string): Promise<UsbDevice | undefined> {
  let folder = device
  for (let level = 0; level < USB_LEVELS; level++, folder = path.dirname(folder)) {
    const usb = await readUsbDevice(folder)
    if (usb) return usb
  }
  return undefined
}

/** macOS and Windows; not tried on either. */
async function listByBinding(): Promise<SerialPortInfo[]> {
  const { autoDetect } = await import("@serialport/bindings-cpp")
  const hex = (text: string | undefined) => (text === undefined ? Number.NaN : Number.parseInt(text, 16))
  const infos = (await autoDetect().list()).map((port) => {
    const [vendor, product] = [hex(port.vendorId), hex(port.productId)]
    const usb = Number.isNaN(vendor)
      ? undefined
      : {
          vendor,
          product,
          manufacturerName: port.manufacturer,
          productName: undefined,
          serialNumber: port.serialNumber,
        }
    // Windows' ports are no files: only opening one shows whether this user may
    return makeInfo(port.path, usb, process.platform === "win32" || undefined)
  })
  return inOrder(await Promise.all(infos))
}

async function makeInfo(file: string, usb: UsbDevice | undefined, known?: boolean): Promise<SerialPortInfo> {
  const isAccessible = known ?? (await isThere(file, constants.R_OK | constants.W_OK))
  const boards = usb
    ? BOARDS.filter((board) =>
        board.usb.some(({ vendor, product }) => vendor === usb.vendor && product === usb.product),
      )
    : []
  return { path: file, usb, boards, isAccessible }
}

function inOrder(infos: SerialPortInfo[]): SerialPortInfo[] {
  return infos.sort((a, b) => a.path.localeCompare(b.path, "en", { numeric: true }))
}
