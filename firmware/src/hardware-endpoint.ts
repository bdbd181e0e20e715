// The device end on a board's own parts: its I2C bus, and the pins that the settings make GPIO lines.

import * as ds from "@devicescript/core"
import type { DeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import { makeEndpoint } from "./endpoint.js"
import { HardwareBus } from "./hardware-bus.js"
import { HardwareLines } from "./hardware-lines.js"
import { readSetting } from "./settings.js"

/** Which pins are GPIO lines: docs/devices.md. */
const GPIO = "virtio.gpio"

export function makeHardwareEndpoint(): DeviceEndpoint {
  const complaints: string[] = []
  const lines = new HardwareLines(readSetting(GPIO), (what) => complaints.push(what))
  return makeEndpoint({
    board: ds._dcfgString("devName"),
    hasSimulatedChips: false,
    controller: new HardwareBus(),
    lines: lines.names.length > 0 ? lines : undefined,
    complaints,
  })
}
