// The simulated board in Node: the VM comes out of the DeviceScript command line tool, chance from the system.

import { randomBytes } from "node:crypto"
import { Machine, type MachineOptions } from "./machine.js"
import { loadRuntime } from "./runtime-loader.js"

/** As MachineOptions, with what Node has by itself. */
export type VirtualMachineOptions = Omit<MachineOptions, "randomBytes" | "loadRuntime"> &
  Partial<Pick<MachineOptions, "randomBytes" | "loadRuntime">>

/**
 * A simulated board: the real DeviceScript VM with our firmware, or any other DeviceScript program.
 *
 * @example
 * ```ts
 * import { readFirmware, VirtualMachine } from "virtio-msg"
 *
 * const machine = new VirtualMachine({ program: readFirmware("simulated") })
 * machine.onLog.on((line) => console.log(line))
 * await machine.start()
 * machine.stop()
 * ```
 */
export class VirtualMachine extends Machine {
  constructor(options: VirtualMachineOptions) {
    super({ randomBytes, loadRuntime, ...options })
  }
}
