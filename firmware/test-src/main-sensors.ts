// The simulated firmware with more chips on its bus: those of the sensor packages that test/i2c-bus installs.

import * as ds from "@devicescript/core"
import { Ads1115 } from "../src/chips/ads1115.js"
import { Aht20 } from "../src/chips/aht20.js"
import { demoChips, SimulatedBus } from "../src/chips/simulated-bus.js"
import { allocate, makeEndpoint } from "../src/endpoint.js"
import { runMailboxService } from "../src/mailbox-service.js"

const now = (): number => ds.millis()
const chips = demoChips(now, allocate)
chips.push(new Aht20(now, allocate))
chips.push(new Ads1115(0x49, now))
const controller = new SimulatedBus(chips, allocate)
await runMailboxService(makeEndpoint({ board: "sensors", hasSimulatedChips: true, controller }))
