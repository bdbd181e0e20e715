// A folder that looks like a computer's root folder to code that looks for boards: sysfs, /dev and the list of mounts.

import { appendFile, mkdir, symlink, writeFile } from "node:fs/promises"
import path from "node:path"

export class FakeRoot {
  readonly folder: string
  #count = 0

  constructor(folder: string) {
    this.folder = folder
  }

  /** The environment with which a command looks for boards here. */
  get env(): Record<string, string> {
    return { VIRTIO_MSG_ROOT: this.folder, XDG_RUNTIME_DIR: path.join(this.folder, "run") }
  }

  /** A serial port on USB. The device's folder is one level above the interface's. Opening the port opens `target`. */
  async addUsbPort(name: string, usb: Readonly<Record<string, string>>, target?: string): Promise<string> {
    const device = await this.addUsbDevice(usb)
    await this.#addTty(name, path.join(device, "1-1:1.0"))
    const port = path.join(this.folder, "dev", name)
    await mkdir(path.dirname(port), { recursive: true })
    if (target) await symlink(target, port)
    else await writeFile(port, "")
    return port
  }

  /** A serial port of the computer itself. `type` 0: only the name exists, without hardware. */
  async addBuiltInPort(name: string, type: number): Promise<void> {
    await this.#addTty(name, path.join(this.folder, "sys/devices/platform", name))
    await writeFile(path.join(this.folder, "sys/class/tty", name, "type"), `${type}\n`)
  }

  /** A console: it belongs to no device. */
  async addConsole(name: string): Promise<void> {
    await mkdir(path.join(this.folder, "sys/class/tty", name), { recursive: true })
  }

  /** Any USB device. Returns its folder. */
  async addUsbDevice(usb: Readonly<Record<string, string>>): Promise<string> {
    const name = `1-${++this.#count}`
    const device = path.join(this.folder, "sys/devices/usb1", name)
    await mkdir(device, { recursive: true })
    for (const [file, text] of Object.entries(usb)) await writeFile(path.join(device, file), `${text}\n`)
    const bus = path.join(this.folder, "sys/bus/usb/devices")
    await mkdir(bus, { recursive: true })
    await symlink(device, path.join(bus, name))
    return device
  }

  /** The mounted drive of a boot loader. Returns its folder. */
  async addBootDrive(mountPoint: string, boardId: string): Promise<string> {
    const folder = path.join(this.folder, mountPoint)
    await mkdir(folder, { recursive: true })
    await writeFile(
      path.join(folder, "INFO_UF2.TXT"),
      `UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: ${boardId}\r\n`,
    )
    await mkdir(path.join(this.folder, "proc"), { recursive: true })
    const escaped = mountPoint.replaceAll(" ", "\\040")
    await appendFile(path.join(this.folder, "proc/mounts"), `/dev/sda1 ${escaped} vfat rw,nosuid 0 0\n`)
    return folder
  }

  async #addTty(name: string, device: string): Promise<void> {
    await mkdir(device, { recursive: true })
    await this.addConsole(name)
    await symlink(device, path.join(this.folder, "sys/class/tty", name, "device"))
  }
}

export const PICO_USB = {
  idVendor: "303a",
  idProduct: "000a",
  manufacturer: "Raspberry Pi",
  product: "RP2040",
  serial: "JD0011",
}
export const BOOTSEL_USB = { idVendor: "2e8a", idProduct: "0003" }
