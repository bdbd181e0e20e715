// Fewer and shorter spans: the host has the time for what costs the chip too much.

import {
  type OutgoingArea,
  RUN_LENGTH_MASK,
  RUN_OFFSET_SHIFT,
} from "../../../shared-protocol/src/mailbox/outgoing-area.js"
import { NEAR_SPAN_OVERHEAD } from "../../../shared-protocol/src/mailbox/packet.js"

/**
 * Sorts the changed runs of `area` by place and joins those that overlap, touch or lie so close that the bytes
 * between are no more than a span's header. Ring indexes are not among them, so any order is as good.
 */
export function tidyArea(area: OutgoingArea): void {
  if (area.dirtyEnd - area.dirtyFirst < 2) return
  // a run's number has its offset in front, so numbers in order are runs in order
  const runs = area.dirtyRuns.slice(area.dirtyFirst, area.dirtyEnd).sort((a, b) => a - b)
  area.dirtyFirst = 0
  area.dirtyEnd = 0
  let start = 0
  let end = Number.NEGATIVE_INFINITY
  for (const run of runs) {
    const runStart = run >> RUN_OFFSET_SHIFT
    const runEnd = runStart + (run & RUN_LENGTH_MASK)
    if (runStart <= end + NEAR_SPAN_OVERHEAD) {
      end = Math.max(end, runEnd)
      area.dirtyEnd--
    } else {
      start = runStart
      end = runEnd
    }
    area.dirtyRuns[area.dirtyEnd] = (start << RUN_OFFSET_SHIFT) | (end - start)
    area.dirtyEnd++
  }
}
