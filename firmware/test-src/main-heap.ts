// Measures how much heap is left beside the running firmware: takes it in small pieces until there is none.
// test/firmware/firmware.test.ts reads the log.

import * as ds from "@devicescript/core"
import { runMailboxService } from "../src/mailbox-service.js"
import { makeSimulatedEndpoint } from "../src/simulated-endpoint.js"

const PIECE_BYTES = 128
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
await runMailboxService(makeSimulatedEndpoint("heap test"))
