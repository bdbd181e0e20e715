// QEMU's arguments for a virtio device whose queues are served over a Unix socket, in any guest.

import type { GuestDeviceType } from "../../../../shared-protocol/src/device-types/catalogue.js"

/** What the guest calls the virtio port of the microcontroller's console. */
export const CONSOLE_PORT_NAME = "m4"

/** How the guest finds the device: without a PCI bus, as on a small board, or on a PCI bus, as on a PC. */
export type DeviceBus = "mmio" | "pci"

export interface VhostUserArguments {
  /** QEMU listens here, and does not boot before the backend has connected. */
  readonly socketPath: string
  /** The size of the guest's memory. The backend shares the memory, so QEMU has to get its size from us. */
  readonly memoryMib: number
  /** `mmio` when absent, which only QEMU's machine `virt` and `microvm` have. */
  readonly bus?: DeviceBus
}

/** What a guest is booted from, and where its console is. */
export interface BootPaths {
  readonly kernelPath: string
  readonly initrdPath: string
  /** The Unix socket that QEMU connects the console to: somebody has to listen on it. */
  readonly consolePath: string
}

export interface LinuxGuestArguments extends VhostUserArguments, BootPaths {
  /** Unix sockets of further devices, each as `socketPath`. */
  readonly moreDevices?: ReadonlyMap<GuestDeviceType, string>
}

/**
 * The arguments that any QEMU command line needs for a virtio-i2c device. The machine has to take its memory
 * from the object `mem`: `-machine TYPE,memory-backend=mem`, which these arguments add to the machine chosen
 * elsewhere on the line.
 */
export function qemuI2cArguments({ socketPath, memoryMib, bus = "mmio" }: VhostUserArguments): string[] {
  return [
    ...["-m", `${memoryMib}`],
    ...["-object", `memory-backend-memfd,id=mem,size=${memoryMib}M,share=on`],
    ...["-machine", "memory-backend=mem"],
    ...["-chardev", `socket,id=vu,path=${escapeComma(socketPath)},server=on`],
    // the legacy register layout, QEMU's default there, has no feature bit above 31
    ...(bus === "mmio" ? ["-global", "virtio-mmio.force-legacy=false"] : []),
    ...["-device", `vhost-user-i2c-${bus === "mmio" ? "device" : "pci"},chardev=vu`],
  ]
}

/** The arguments for a further device of the same board. QEMU 7.2 has no vhost-user console: its own is bridged. */
export function deviceArguments(device: GuestDeviceType, socketPath: string, bus: DeviceBus): string[] {
  const chardev = ["-chardev", `socket,id=vu-${device},path=${escapeComma(socketPath)},server=on`]
  const suffix = bus === "mmio" ? "device" : "pci"
  switch (device) {
    case "gpio":
      return [...chardev, "-device", `vhost-user-gpio-${suffix},chardev=vu-gpio`]
    case "rng":
      return [...chardev, "-device", `vhost-user-rng${bus === "mmio" ? "" : "-pci"},chardev=vu-rng`]
    case "console":
      return [
        ...[...chardev, "-device", `virtio-serial-${suffix}`],
        ...["-device", `virtserialport,chardev=vu-console,name=${CONSOLE_PORT_NAME}`],
      ]
  }
}

/** A Cortex-A7 with a PCI bus. The kernel is not built for LPAE and cannot reach a PCI window above 4 GiB. */
export const PCI_MACHINE = "virt,highmem=off"

/** The arguments for a Cortex-A7 with a console that runs our Linux, and no device. */
export function cortexA7({ kernelPath, initrdPath, consolePath }: BootPaths, machine: string): string[] {
  return [
    // no default devices: the network card wants a firmware file that is a package of its own
    ...["-nodefaults", "-no-reboot"],
    ...["-machine", machine, "-cpu", "cortex-a7"],
    ...["-display", "none", "-monitor", "none"],
    ...["-chardev", `socket,id=console,path=${escapeComma(consolePath)}`, "-serial", "chardev:console"],
    ...["-kernel", kernelPath, "-initrd", initrdPath],
    // a panic ends QEMU at once: -no-reboot turns the reboot into an exit. Programs at fixed addresses start in half
    // the time, because QEMU finds its translations of them again. The kernel's tests of its own cryptography would take
    // an emulated processor 1.5 s
    ...["-append", "console=ttyAMA0 quiet panic=-1 norandmaps cryptomgr.notests"],
  ]
}

/** All arguments of `qemu-system-arm` for the Linux guest on a Cortex-A7. */
export function qemuArguments(options: LinuxGuestArguments): string[] {
  const { bus = "mmio", moreDevices = [] } = options
  return [
    ...cortexA7(options, bus === "pci" ? PCI_MACHINE : "virt"),
    ...qemuI2cArguments(options),
    ...[...moreDevices].flatMap(([device, path]) => deviceArguments(device, path, bus)),
  ]
}

/** In an option's value, QEMU wants a comma doubled. */
export function escapeComma(value: string): string {
  return value.replaceAll(",", ",,")
}
