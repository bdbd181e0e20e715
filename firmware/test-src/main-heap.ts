// Measures how much heap is left beside the running firmware: takes it in small pieces until there is none.
// test/firmware/firmware.test.ts reads the log.

import * as ds from "@devicescript/core"
import { demoChips, SimulatedBus } from "../src/chips/simulated-bus.js"
import { allocate, makeEndpoint } from "../src/endpoint.js"
import { runMailboxService } from "../src/mailbox-service.js"

const PIECE_BYTES = 256
/** When the host has initialised the device and done its transfers. */
const BEGIN_MS = 3000

async function exhaustHeap(): Promise<void> {
  await ds.sleep(BEGIN_MS)
  const pieces: Buffer[] = []
  while (true) {
    pieces.push(Buffer.alloc(PIECE_BYTES))
    console.log(`heap ${pieces.length * PIECE_BYTES}`)
    await ds.sleep(1)
  }
}

exhaustHeap.start()
const bus = new SimulatedBus(
  demoChips(() => ds.millis(), allocate),
  allocate,
)
await runMailboxService(makeEndpoint(bus, "heap test", true))
