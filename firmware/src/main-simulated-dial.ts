// As main-simulated.ts, for a board with WiFi, or the VM, that dials its host (docs/bus.md "On TCP").

import * as ds from "@devicescript/core"
import { runDialService } from "./dial-service.js"
import { makeSimulatedEndpoint } from "./simulated-endpoint.js"

await runDialService(makeSimulatedEndpoint(ds._dcfgString("devName")))
