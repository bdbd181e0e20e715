// Fewer and shorter spans: the host has the time for what costs the chip too much.

import {
  type OutgoingArea,
  RUN_OFFSET_SHIFT,
  runAt,
} from "../../../shared-protocol/src/mailbox/outgoing-area.js"
import { NEAR_SPAN_OVERHEAD } from "../../../shared-protocol/src/mailbox/packet.js"

/**
 * Sorts the changed runs of `area` by place and joins those that overlap, touch or lie so close that the bytes
 * between are no more than a span's header. Ring indexes are not among them, so any order is as good.
 */
export function tidyArea(area: OutgoingArea): void {
  if (area.dirtyEnd - area.dirtyFirst < 2) return
  const runs: { start: number; end: number }[] = []
  for (let at = area.dirtyFirst; at < area.dirtyEnd; at++) {
    const { offset, length } = runAt(area, at)
    runs.push({ start: offset, end: offset + length })
  }
  runs.sort((a, b) => a.start - b.start)
  area.dirtyFirst = 0
  area.dirtyEnd = 0
  let last: { start: number; end: number } | undefined
  const keep = (run: { start: number; end: number }) => {
    area.dirtyRuns[area.dirtyEnd] = (run.start << RUN_OFFSET_SHIFT) | (run.end - run.start)
    area.dirtyEnd++
  }
  for (const run of runs) {
    if (last && run.start <= last.end + NEAR_SPAN_OVERHEAD) last.end = Math.max(last.end, run.end)
    else {
      if (last) keep(last)
      last = run
    }
  }
  if (last) keep(last)
}
