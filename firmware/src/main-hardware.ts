// The firmware for a board: the I2C bus and the GPIO lines are the board's own.

import { makeHardwareEndpoint } from "./hardware-endpoint.js"
import { runMailboxService } from "./mailbox-service.js"

await runMailboxService(makeHardwareEndpoint())
