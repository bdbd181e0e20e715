// The firmware with a ledger in place of chips, and no other device, for soaks over the bytecode (test/soak).

import * as ds from "@devicescript/core"
import { makeDeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import { I2cDevice } from "../../shared-protocol/src/device/i2c.js"
import { Ledger } from "../../test/faults/ledger.js"
import { allocate } from "../src/endpoint.js"
import { runMailboxService } from "../src/mailbox-service.js"

/** The most entries of a run. Each takes one bit, on a heap of 64 kB. */
const CAPACITY = 40_000
/** As the firmware's. */
const AREA_SIZE = 8192

async function pause(): Promise<void> {
  await ds.sleep(1)
}

const endpoint = makeDeviceEndpoint({
  alloc: allocate,
  models: [new I2cDevice(new Ledger(CAPACITY, allocate, pause), allocate(0), pause)],
  driverAreaSize: AREA_SIZE,
  deviceAreaSize: AREA_SIZE,
  identity: { board: "ledger", firmwareVersion: [0, 1, 0, 0], hasSimulatedChips: true },
})
await runMailboxService(endpoint)
