// The device end with everything simulated: the demonstration's chips, and GPIO lines that a command can change.

import * as ds from "@devicescript/core"
import type { DeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import type { I2cController } from "../../shared-protocol/src/device/i2c-controller.js"
import { demoChips, SimulatedBus } from "./chips/simulated-bus.js"
import { allocate, makeEndpoint } from "./endpoint.js"
import { SimulatedLines } from "./gpio/simulated-lines.js"
import { SimulatedCommands } from "./shell/simulated-commands.js"

/** `wrap` may put something between the virtio-i2c device and the simulated chips. */
export function makeSimulatedEndpoint(
  board: string,
  wrap?: (bus: SimulatedBus) => I2cController,
): DeviceEndpoint {
  const now = () => ds.millis()
  const bus = new SimulatedBus(demoChips(now, allocate), allocate)
  const lines = new SimulatedLines(now)
  const commands = new SimulatedCommands(bus, lines, now, allocate)
  return makeEndpoint({
    board,
    hasSimulatedChips: true,
    controller: wrap === undefined ? bus : wrap(bus),
    lines,
    makeOther: (kind) => commands.makeDevice(kind),
    commands,
    chipName: (address) => bus.chipName(address),
  })
}
