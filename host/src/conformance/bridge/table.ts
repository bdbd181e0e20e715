// The bridge's own table: every rule of the interface for a device model, by number.

import type { BridgeRow } from "./bridge-row.js"
import { ATTACHING_ROWS } from "./rows/attaching.js"
import { FAILURE_ROWS } from "./rows/failures.js"
import { RING_ROWS } from "./rows/rings.js"
import { TOPOLOGY_ROWS } from "./rows/topology.js"
import { WINDOW_ROWS } from "./rows/windows.js"

export const BRIDGE_TABLE: readonly BridgeRow[] = [
  ...ATTACHING_ROWS,
  ...RING_ROWS,
  ...TOPOLOGY_ROWS,
  ...WINDOW_ROWS,
  ...FAILURE_ROWS,
]
