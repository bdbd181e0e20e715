// Settings that the host wrote into this program when it deployed it (docs/boards.md "Settings"): strings by name.
// The pins and the speed of the I2C bus are settings, too, but the runtime itself reads those.

import * as ds from "@devicescript/core"

/** A comma list of the virtio devices to have: `i2c,gpio,rng,console`. Without it, all that the program knows. */
const DEVICES = "virtio.devices"

/** The setting of that name, of at most 15 characters; "" when nobody made it. */
export function readSetting(name: string): string {
  // the declarations know only the runtime's own names
  const value = ds._dcfgString(name as "devName")
  return value === undefined ? "" : value
}

/** Whether the virtio device of that name, as in the list, is wanted. */
export function isDeviceWanted(name: string): boolean {
  const list = readSetting(DEVICES)
  if (list === "") return true
  return list.split(",").includes(name)
}
