// Which serial ports are boards: what Linux says of each USB serial port, compared with the boards' USB ids.

import { readdir, readFile, realpath } from "node:fs/promises"
import path from "node:path"
import { BOARDS } from "../../../boards/src/index.js"

export interface BoardPort {
  readonly path: string
  /** The board's name, or the names of those that it may be. */
  readonly board: string
  readonly serialNumber: string | undefined
}

/**
 * The serial ports that look like a board that we know, by path. Reads sysfs itself: the serialport package's
 * listing needs a program that small systems lack. Elsewhere than on Linux it finds none.
 */
export async function findBoards(sysfs = "/sys/class/tty", dev = "/dev"): Promise<BoardPort[]> {
  let names: string[]
  try {
    names = await readdir(sysfs)
  } catch {
    return []
  }
  const found: BoardPort[] = []
  for (const name of names.filter((tty) => /^tty(ACM|USB)\d+$/.test(tty)).sort()) {
    const usb = await usbDevice(path.join(sysfs, name, "device"))
    if (!usb) continue
    const matches = BOARDS.filter((board) =>
      board.usb.some((id) => id.vendor === usb.vendor && id.product === usb.product),
    )
    if (matches.length === 0) continue
    found.push({
      path: path.join(dev, name),
      board: matches.map((board) => board.name).join(" or "),
      serialNumber: usb.serialNumber,
    })
  }
  return found
}

/** The USB device above a tty: the first folder upwards that has a vendor id. */
async function usbDevice(tty: string) {
  let folder: string
  try {
    folder = await realpath(tty)
  } catch {
    return undefined
  }
  for (let level = 0; level < 4; level++, folder = path.dirname(folder)) {
    const read = async (file: string) => {
      try {
        return (await readFile(path.join(folder, file), "utf8")).trim()
      } catch {
        return undefined
      }
    }
    const vendor = await read("idVendor")
    const product = await read("idProduct")
    if (vendor && product)
      return {
        vendor: Number.parseInt(vendor, 16),
        product: Number.parseInt(product, 16),
        serialNumber: await read("serial"),
      }
  }
  return undefined
}
