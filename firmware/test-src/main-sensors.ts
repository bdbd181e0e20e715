// The simulated firmware with more chips on its bus: those of the sensor packages that test/i2c-bus installs.

import * as ds from "@devicescript/core"
import { Ads1115 } from "../src/chips/ads1115.js"
import { Aht20 } from "../src/chips/aht20.js"
import { demoChips, SimulatedBus } from "../src/chips/simulated-bus.js"
import { allocate, makeEndpoint } from "../src/endpoint.js"
import { runMailboxService } from "../src/mailbox-service.js"
import { DisplayChip, LightChip, PortChip, RegisterChip } from "./package-chips.js"

const now = (): number => ds.millis()
const chips = demoChips(now, allocate)
chips.push(new Aht20(now, allocate))
chips.push(new Ads1115(0x49, now))
chips.push(new RegisterChip(0x20, "mcp23017", allocate).with(0x12, [0xa5, 0x3c]))
chips.push(new PortChip(0x21))
chips.push(new LightChip(0x23))
chips.push(new DisplayChip(0x3c, allocate))
chips.push(new RegisterChip(0x40, "ina219", allocate).with(2, [0x64, 0x02]))
chips.push(new RegisterChip(0x41, "pca9685", allocate))
chips.push(new RegisterChip(0x68, "mpu6050", allocate).with(0x3b, [0x40, 0x00, 0xc0, 0x00, 0x20, 0x00]))
const controller = new SimulatedBus(chips, allocate)
await runMailboxService(makeEndpoint({ board: "sensors", hasSimulatedChips: true, controller }))
