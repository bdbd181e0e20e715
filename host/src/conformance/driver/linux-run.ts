// Boots the guest for `virtio-msg conform driver --linux`, and ends it.

import { readFileSync } from "node:fs"
import { invalidArgument } from "../../errors.js"
import { LinuxGuest } from "../../node/linux-guest/boot.js"
import { GuestPort } from "../../node/linux-guest/guest-port.js"
import { messageMachine } from "../../node/linux-guest/message-machine.js"
import { prepareGuest } from "../../node/linux-guest/prepare.js"
import type { DriverSubject } from "./driver-runs.js"
import { linuxSubject } from "./linux-subject.js"

export interface LinuxRunOptions {
  /** Another kernel for the guest, with all drivers built in; Debian's and our module when absent. */
  readonly kernelPath?: string
  readonly onNote: (sentence: string) => void
}

/**
 * Boots the guest and calls `check` with it as the driver, and its name. Rejects with what booting it rejects with,
 * and with INVALID_ARGUMENT for a kernel that cannot be read.
 */
export async function withLinuxSubject<T>(
  { kernelPath, onNote }: LinuxRunOptions,
  check: (subject: DriverSubject, name: string) => Promise<T>,
): Promise<T> {
  if (kernelPath !== undefined) checkReadable(kernelPath)
  const prepared = await prepareGuest({
    onProgress: ({ step, count, title }) => onNote(`[${step}/${count}] ${title}`),
  })
  const image = kernelPath === undefined ? prepared : { ...prepared, kernelPath, kernelRelease: kernelPath }
  const name = `Linux ${image.kernelRelease}${kernelPath === undefined ? ", module virtio_msg" : ""}`
  const port = new GuestPort()
  let guest: LinuxGuest | undefined
  const boot = async () => {
    await guest?.shutdown()
    guest = new LinuxGuest({ image, machine: messageMachine(port) })
    await guest.boot()
    return guest
  }
  try {
    onNote(`Booting ${name} ...`)
    return await check(linuxSubject(await boot(), port, boot), name)
  } finally {
    await guest?.shutdown()
    port.close()
  }
}

function checkReadable(file: string): void {
  try {
    readFileSync(file)
  } catch (cause) {
    throw invalidArgument(
      `Cannot read the kernel ${file}: ${cause instanceof Error ? cause.message : cause}.`,
      {
        hint: "Name a kernel for QEMU's ARM machine virt, a vmlinuz or zImage: docs/conform-your-own.md.",
        cause,
      },
    )
  }
}
