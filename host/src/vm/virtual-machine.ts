// The simulated board in Node: the VM comes out of the DeviceScript command line tool, chance from the system.

import { randomBytes } from "node:crypto"
import { MCUS, type McuName } from "./chip-model.js"
import { Machine, type MachineOptions } from "./machine.js"
import { pacedBy } from "./paced-runtime.js"
import { loadRuntime } from "./runtime-loader.js"

/** As MachineOptions, with what Node has by itself. */
export interface VirtualMachineOptions
  extends Omit<MachineOptions, "randomBytes" | "loadRuntime">,
    Partial<Pick<MachineOptions, "randomBytes" | "loadRuntime">> {
  /** The microcontroller that the board is as slow as; without, computing takes no time. Not beside `loadRuntime`. */
  readonly mcu?: McuName | undefined
}

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
  constructor({ mcu, ...options }: VirtualMachineOptions) {
    super({ randomBytes, loadRuntime: mcu ? pacedBy(MCUS[mcu]) : loadRuntime, ...options })
  }
}
