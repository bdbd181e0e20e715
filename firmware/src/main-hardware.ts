// The firmware for a board: the I2C bus is the board's own.

import * as ds from "@devicescript/core"
import { makeEndpoint } from "./endpoint.js"
import { HardwareBus } from "./hardware-bus.js"
import { runMailboxService } from "./mailbox-service.js"

await runMailboxService(makeEndpoint(new HardwareBus(), ds._dcfgString("devName"), false))
