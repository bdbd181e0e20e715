// How much of the chip's memory the firmware takes.

import { readFirmware } from "../../host/src/vm/firmware-image.js"

export interface Size {
  readonly title: string
  readonly bytes: number
}

/** The bytecode of each build; boards have room for 128 kB. */
export function measureSizes(): Size[] {
  return (["simulated", "hardware"] as const).map((build) => ({
    title: `bytecode, ${build} build`,
    bytes: readFirmware(build).length,
  }))
}
