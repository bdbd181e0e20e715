// The guest's machine when Linux itself speaks virtio-msg. The window is the memory of an ivshmem card, which is a
// file that both sides share. Frames go over a virtio port (host/linux-module).

import type { GuestMachine } from "./boot.js"
import { FRAMES_PORT_NAME } from "./guest-init.js"
import { cortexA7, escapeComma, PCI_MACHINE } from "./qemu.js"
import { requireToolsToBoot } from "./required-tools.js"

const MEMORY_MIB = 256
/** A shell command that ends when the bus's devices are there, at the latest after 30 s. */
export const AWAIT_DEVICES =
  "n=0; until grep -q online /sys/bus/pci/drivers/virtio_msg_plain/*/bus_state; do " +
  "n=$((n + 1)); [ $n -gt 600 ] && exit 1; sleep 0.05; done"

/** The device's side of a plain profile. */
export interface MessagePeer {
  /** QEMU listens here. It takes one connection after another. */
  readonly socketPath: string
  /** The shared file, and its size in bytes. */
  readonly window: { readonly path: string; readonly lengthBytes: number }
}

/** The arguments that any QEMU machine with PCI needs for the card and the port. */
export function messageArguments({ socketPath, window }: MessagePeer): string[] {
  return [
    "-object",
    `memory-backend-file,id=window,share=on,size=${window.lengthBytes},mem-path=${escapeComma(window.path)}`,
    ...["-device", "ivshmem-plain,memdev=window"],
    ...["-chardev", `socket,id=frames,path=${escapeComma(socketPath)},server=on,wait=off`],
    ...["-device", "virtio-serial-device"],
    ...["-device", `virtserialport,chardev=frames,name=${FRAMES_PORT_NAME}`],
  ]
}

/** A Cortex-A7 that has them, for LinuxGuest. Throws MISSING_DEPENDENCY without QEMU. */
export function messageMachine(peer: MessagePeer): GuestMachine {
  requireToolsToBoot()
  return {
    program: "qemu-system-arm",
    arguments: (paths) => [
      ...cortexA7(paths, PCI_MACHINE),
      ...["-m", `${MEMORY_MIB}`],
      ...["-global", "virtio-mmio.force-legacy=false"],
      ...messageArguments(peer),
    ],
  }
}
