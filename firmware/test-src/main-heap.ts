// Measures how much heap is left beside the running firmware: takes it in small pieces until there is none.
// test/firmware/firmware.test.ts reads the log.

import * as ds from "@devicescript/core"
import { runMailboxService } from "../src/mailbox-service.js"
import { makeSimulatedEndpoint } from "../src/simulated-endpoint.js"

const PIECE_BYTES = 128
/** What a piece takes at least on top of its bytes: the allocator's header and the buffer's own. */
const PIECE_OVERHEAD = 12
/** The list does not grow while the heap is measured: a longer one would need one large free block. */
const MOST_PIECES = 200
const LIST_BYTES = 8 * MOST_PIECES
/** By then the host has initialised the device and done its transfers. */
const BEGIN_MS = 3000

async function exhaustHeap(): Promise<void> {
  const pieces: Buffer[] = []
  const nothing = Buffer.alloc(0)
  while (pieces.length < MOST_PIECES) pieces.push(nothing)
  await ds.sleep(BEGIN_MS)
  for (let i = 0; i < MOST_PIECES; i++) {
    pieces[i] = Buffer.alloc(PIECE_BYTES)
    console.log(`heap ${LIST_BYTES + (i + 1) * (PIECE_BYTES + PIECE_OVERHEAD)}`)
    await ds.sleep(1)
  }
}

exhaustHeap.start()
await runMailboxService(makeSimulatedEndpoint("heap test"))
