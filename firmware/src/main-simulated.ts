// The firmware with simulated chips: runs in the DeviceScript VM, and on any board with nothing wired to it.

import * as ds from "@devicescript/core"
import { demoChips, SimulatedBus } from "./chips/simulated-bus.js"
import { allocate, makeEndpoint } from "./endpoint.js"
import { runMailboxService } from "./mailbox-service.js"

const bus = new SimulatedBus(
  demoChips(() => ds.millis(), allocate),
  allocate,
)
await runMailboxService(makeEndpoint(bus, ds._dcfgString("devName"), true))
