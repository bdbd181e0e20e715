// The USB drives that an RP2040's boot loader shows, by the file INFO_UF2.TXT on each.

import { readdir, readFile } from "node:fs/promises"
import path from "node:path"
import { visibleText } from "../visible-text.js"
import { systemPath } from "./system-root.js"
import { readUsbDevice } from "./usb-device.js"

export interface BootDrive {
  /** The folder where it is mounted. */
  readonly folder: string
  /** `RPI-RP2` for an RP2040. */
  readonly boardId: string
}

/** The mounted drives of boot loaders, of any chip. */
export async function findBootDrives(): Promise<BootDrive[]> {
  const found: BootDrive[] = []
  for (const folder of await mountedFolders()) {
    const info = await readFile(path.join(folder, "INFO_UF2.TXT"), "latin1").catch(() => "")
    const [, boardId] = /^Board-ID:\s*(\S+)/m.exec(info) ?? []
    if (boardId) found.push({ folder, boardId: visibleText(boardId) })
  }
  return found
}

/** How many boot loaders are on USB, mounted or not. 0 where the system does not show it. */
export async function countBootloaders(usbId: { vendor: number; product: number }): Promise<number> {
  const folder = systemPath("/sys/bus/usb/devices")
  const names = await readdir(folder).catch(() => [])
  const devices = await Promise.all(names.map((name) => readUsbDevice(path.join(folder, name))))
  return devices.filter((usb) => usb?.vendor === usbId.vendor && usb.product === usbId.product).length
}

async function mountedFolders(): Promise<string[]> {
  if (process.platform === "win32")
    return Array.from({ length: 23 }, (_, i) => `${String.fromCharCode("D".charCodeAt(0) + i)}:\\`)
  if (process.platform === "darwin") {
    const names = await readdir("/Volumes").catch(() => [])
    return names.map((name) => path.join("/Volumes", name))
  }
  const mounts = await readFile(systemPath("/proc/mounts"), "utf8").catch(() => "")
  return mounts.split("\n").flatMap((line) => {
    const [, folder, type] = line.split(" ")
    // the kernel writes spaces and the like as octal numbers
    const plain = folder?.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))
    return plain && (type === "vfat" || type === "msdos") ? [systemPath(plain)] : []
  })
}
