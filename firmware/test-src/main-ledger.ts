// The firmware with a ledger in place of chips, for soaks over the bytecode (test/soak).

import { Ledger } from "../../test/faults/ledger.js"
import { allocate, makeEndpoint } from "../src/endpoint.js"
import { runMailboxService } from "../src/mailbox-service.js"

/** Entries that a run may have; one bit each, of a heap of 64 kB. */
const CAPACITY = 40_000

await runMailboxService(makeEndpoint(new Ledger(CAPACITY, allocate), "ledger", true))
