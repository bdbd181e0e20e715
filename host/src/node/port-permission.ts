// Why a user may not use a serial port, and what to do about it.

import { readFile, stat } from "node:fs/promises"
import { systemPath } from "./system-root.js"
import { type UsbDevice, usbIdText } from "./usb-device.js"

/** A sentence with a command to type. It joins the port's group, or, if the port has none, makes a udev rule. */
export async function permissionHint(portPath: string, usb: UsbDevice | undefined): Promise<string> {
  const group = await groupOf(portPath)
  if (group) return `You may not use this port: sudo usermod -a -G ${group} $USER, then log in again.`
  return usb
    ? `You may not use this port. Make a rule and plug the board in again: echo '${udevRule(usb)}' | ` +
        "sudo tee /etc/udev/rules.d/60-virtio-msg.rules && sudo udevadm control --reload"
    : "You may not use this port: ask whoever manages this computer."
}

/** Lets every user who sits at the computer use the device. */
export function udevRule(usb: UsbDevice): string {
  const [vendor, product] = usbIdText(usb).split(":")
  return `SUBSYSTEM=="tty", ATTRS{idVendor}=="${vendor}", ATTRS{idProduct}=="${product}", TAG+="uaccess"`
}

/** Who may use a device file, of a serial port or of anything else, and how another user gets access: a sentence. */
export async function usersHint(devicePath: string, subsystem: string): Promise<string> {
  const group = await groupOf(devicePath)
  return group
    ? `Users in the group ${group} may use it: sudo usermod -a -G ${group} NAME`
    : `Only root may use it. To let in who sits at the computer: echo 'SUBSYSTEM=="${subsystem}", TAG+="uaccess"' | ` +
        "sudo tee /etc/udev/rules.d/60-virtio-msg-attach.rules && sudo udevadm control --reload"
}

/** The name of the group that may write. Undefined for root's group, for no group, and where it cannot be found out. */
async function groupOf(portPath: string): Promise<string | undefined> {
  try {
    const { gid, mode } = await stat(portPath)
    const canWrite = (mode & 0o060) === 0o060
    if (gid === 0 || !canWrite) return undefined
    const groups = await readFile(systemPath("/etc/group"), "utf8")
    return groups
      .split("\n")
      .find((line) => line.split(":")[2] === String(gid))
      ?.split(":")[0]
  } catch {
    return undefined
  }
}
