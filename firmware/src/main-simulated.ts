// The firmware with simulated chips and lines: runs in the DeviceScript VM, and on any board with nothing wired to it.

import * as ds from "@devicescript/core"
import { runMailboxService } from "./mailbox-service.js"
import { makeSimulatedEndpoint } from "./simulated-endpoint.js"

await runMailboxService(makeSimulatedEndpoint(ds._dcfgString("devName")))
