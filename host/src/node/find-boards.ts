// Which serial ports are boards that we know.

import type { Board } from "../../../boards/src/index.js"
import { listSerialPorts, type SerialPortInfo } from "./serial-ports.js"
import { type UsbDevice, usbIdText } from "./usb-device.js"

/**
 * The serial ports that look like a board that we know, by path: `board` is its name, or what the possible boards have
 * in common.
 */
export async function findBoards() {
  const ports = await listSerialPorts()
  return ports
    .filter(({ boards }) => boards.length > 0)
    .map(({ path, boards, usb }) => ({ path, board: namesOf(boards), serialNumber: usb?.serialNumber }))
}

/** The serial ports on USB that are no known board, by path. They may be boards all the same. */
export async function findUnknownPorts(): Promise<SerialPortInfo[]> {
  return (await listSerialPorts()).filter(({ usb, boards }) => usb && boards.length === 0)
}

/** `/dev/ttyUSB0 (0403:6001, FTDI FT232R)` */
export function unknownPortText({ path, usb }: SerialPortInfo): string {
  if (!usb) return path
  return `${path} (${[usbIdText(usb), productOf(usb)].filter((text) => text !== "").join(", ")})`
}

/** What a USB device calls itself; "" if it says nothing. */
export function productOf({ manufacturerName, productName }: UsbDevice): string {
  return [manufacturerName, productName].filter((text) => text !== undefined).join(" ")
}

/** One name, or two, or the names of the chips when there are more. */
export function namesOf(boards: readonly Board[]): string {
  const names = boards.map(({ name }) => name)
  if (names.length <= 2) return names.join(" or ")
  const chips = new Set(boards.map(({ chip }) => chip.name))
  return `a board with ${[...chips].join(" or ")}`
}
