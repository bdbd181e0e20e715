// Where a board's serial port is now. A board that was unplugged and plugged in again may have another name. Its USB
// serial number shows that it is the same one.

import { realpath } from "node:fs/promises"
import { notFound } from "../errors.js"
import { listSerialPorts, type SerialPortInfo } from "./serial-ports.js"

interface Identity {
  readonly vendor: number
  readonly serialNumber: string
}

export class SerialLocation {
  /** As the user named it. */
  readonly path: string
  readonly #list: () => Promise<SerialPortInfo[]>
  /** The serial number of the board that was there. Undefined while there was none, or if it has none. */
  #identity: Identity | undefined

  constructor(path: string, list: () => Promise<SerialPortInfo[]> = listSerialPorts) {
    this.path = path
    this.#list = list
  }

  /**
   * The path to open now. At first the given one. After a board with a serial number was found there, the path where
   * that board is. Rejects with NOT_FOUND while it is nowhere.
   */
  async find(): Promise<string> {
    const ports = await this.#list()
    const identity = this.#identity
    if (!identity) {
      const usb = (await portAt(ports, this.path))?.usb
      if (usb?.serialNumber) this.#identity = { vendor: usb.vendor, serialNumber: usb.serialNumber }
      return this.path
    }
    const candidates = ports.filter(
      ({ usb }) => usb?.vendor === identity.vendor && usb.serialNumber === identity.serialNumber,
    )
    // a board may have several ports: the one with the old name is the right one, if it is there
    const found = (await portAt(candidates, this.path)) ?? candidates[0]
    if (found) return found.path
    throw notFound(`The board with serial number ${identity.serialNumber} is not connected.`, {
      hint: "Plug it in again; it may be at another port.",
    })
  }
}

/** The port that `path` names, perhaps by another name like /dev/serial/by-id/... */
async function portAt(ports: readonly SerialPortInfo[], path: string): Promise<SerialPortInfo | undefined> {
  const place = await placeOf(path)
  for (const port of ports) if ((await placeOf(port.path)) === place) return port
  return undefined
}

function placeOf(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}
