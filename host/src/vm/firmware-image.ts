// Where the compiled firmware is in this package.

import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { missingDependency } from "../errors.js"

/**
 * The builds of the firmware: with simulated chips, or with the board's own I2C bus; and whether it waits for its host
 * behind a serial port, or dials it. The last has simulated chips outside the VM, too (chip-server.ts).
 */
export type FirmwareBuild = ChipBuild | `${ChipBuild}-dial` | "simulated-chips"
export type ChipBuild = "simulated" | "hardware"

/**
 * Reads the DeviceScript bytecode of a build. Throws MISSING_DEPENDENCY when it was not compiled.
 *
 * @example
 * ```ts
 * import { readFirmware } from "virtio-msg"
 *
 * const program = readFirmware("hardware")
 * console.log(program.length, "bytes of bytecode")
 * ```
 */
export function readFirmware(build: FirmwareBuild): Uint8Array {
  // from host/src/vm in the sources and from dist/host/src/vm when compiled, the image is in dist/firmware
  const candidates = ["../../../firmware", "../../../dist/firmware"].map((folder) =>
    fileURLToPath(new URL(`${folder}/${build}.devs`, import.meta.url)),
  )
  for (const file of candidates) {
    try {
      return readFileSync(file)
    } catch {
      // the next place
    }
  }
  throw missingDependency(`The compiled firmware ${build}.devs is missing.`, {
    hint: "In a checkout, build it: npm run build",
  })
}
