// The firmware for a board: the I2C bus and the GPIO lines are the board's own.

import * as ds from "@devicescript/core"
import { makeEndpoint } from "./endpoint.js"
import { HardwareBus } from "./hardware-bus.js"
import { HardwareLines } from "./hardware-lines.js"
import { runMailboxService } from "./mailbox-service.js"
import { readSetting } from "./settings.js"

/** Which pins are GPIO lines: docs/devices.md. */
const GPIO = "virtio.gpio"

const complaints: string[] = []
const lines = new HardwareLines(readSetting(GPIO), (what) => complaints.push(what))
await runMailboxService(
  makeEndpoint({
    board: ds._dcfgString("devName"),
    hasSimulatedChips: false,
    controller: new HardwareBus(),
    lines: lines.names.length > 0 ? lines : undefined,
    complaints,
  }),
)
