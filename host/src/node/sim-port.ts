// The simulated board in this process as a port: `sim`, or `sim:mcu=rp2040` for a board with the speed of that
// microcontroller.

import type { Clock } from "../clock.js"
import { invalidArgument } from "../errors.js"
import { MCU_NAMES, type McuName } from "../vm/chip-model.js"
import { readFirmware } from "../vm/firmware-image.js"
import { VirtualMachine } from "../vm/virtual-machine.js"
import { VmPort } from "../vm/vm-port.js"

/** The name for a board whose computing takes no time. */
const NO_MCU = "none"
const WITH_MCU = /^sim:mcu=(.*)$/

/** The names that users may write. */
export const MCU_CHOICES: readonly (McuName | typeof NO_MCU)[] = [...MCU_NAMES, NO_MCU]
export type McuChoice = (typeof MCU_CHOICES)[number]

export function isSimPort(port: string): boolean {
  return port === "sim" || port.startsWith("sim:")
}

/** The microcontroller of a `sim` port. Undefined without one. Throws INVALID_ARGUMENT. */
export function mcuOfPort(port: string): McuName | undefined {
  if (port === "sim") return undefined
  const [, choice] = WITH_MCU.exec(port) ?? []
  if (choice === undefined)
    throw invalidArgument(`"${port}" is no port.`, {
      hint: "The simulated board is sim, or sim:mcu=rp2040 for one as slow as that chip.",
    })
  return parseMcu(choice)
}

/** undefined for `none`. Throws INVALID_ARGUMENT. */
export function parseMcu(choice: string): McuName | undefined {
  if (choice === NO_MCU) return undefined
  const name = MCU_NAMES.find((name) => name === choice)
  if (name) return name
  throw invalidArgument(`No simulated board is as slow as "${choice}".`, {
    hint: `The microcontrollers are ${MCU_CHOICES.join(", ")}.`,
  })
}

/** A new simulated board; `mcu` is stronger than what `port` says. Throws as `mcuOfPort`. */
export function makeSimPort(port: string, clock?: Clock, mcu: string | undefined = undefined): VmPort {
  const chosen = mcuOfPort(port)
  const name = mcu === undefined ? chosen : parseMcu(mcu)
  return new VmPort(new VirtualMachine({ program: readFirmware("simulated"), mcu: name, clock }))
}
