// As main-hardware.ts, for a board with WiFi that dials its host (docs/bus.md "On TCP").

import { runDialService } from "./dial-service.js"
import { makeHardwareEndpoint } from "./hardware-endpoint.js"

await runDialService(makeHardwareEndpoint())
