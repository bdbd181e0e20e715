// The firmware with less heap: it holds a piece of 128 bytes for each character of the setting `test.ballast`. So
// test/fuzz/heap-under-attack.test.ts finds out how much heap a hostile driver leaves.

import { runMailboxService } from "../src/mailbox-service.js"
import { readSetting } from "../src/settings.js"
import { makeSimulatedEndpoint } from "../src/simulated-endpoint.js"

const PIECE_BYTES = 128

const endpoint = makeSimulatedEndpoint("ballast test")
const pieces: Buffer[] = []
const count = readSetting("test.ballast").length
for (let i = 0; i < count; i++) pieces.push(Buffer.alloc(PIECE_BYTES))
console.log(`ballast ${pieces.length * PIECE_BYTES}`)
await runMailboxService(endpoint)
