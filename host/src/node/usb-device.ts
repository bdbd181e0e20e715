// What Linux says of a USB device, in the files of its folder in sysfs.

import { readFile } from "node:fs/promises"
import path from "node:path"
import { hexDigits } from "../hex.js"
import { visibleText } from "../visible-text.js"

export interface UsbDevice {
  readonly vendor: number
  readonly product: number
  readonly manufacturerName: string | undefined
  readonly productName: string | undefined
  readonly serialNumber: string | undefined
}

/** Reads `folder` of sysfs; undefined if it is not a USB device's. */
export async function readUsbDevice(folder: string): Promise<UsbDevice | undefined> {
  const read = async (file: string) => {
    try {
      // these are strings from the device, and can be anything
      return visibleText((await readFile(path.join(folder, file), "utf8")).trim()) || undefined
    } catch {
      return undefined
    }
  }
  const vendor = await read("idVendor")
  const product = await read("idProduct")
  if (!vendor || !product) return undefined
  return {
    vendor: Number.parseInt(vendor, 16),
    product: Number.parseInt(product, 16),
    manufacturerName: await read("manufacturer"),
    productName: await read("product"),
    serialNumber: await read("serial"),
  }
}

/** `2e8a:420a` */
export function usbIdText({ vendor, product }: { vendor: number; product: number }): string {
  return [vendor, product].map((id) => hexDigits(id, 4)).join(":")
}
