// Takes the changes out of one side's area, in an order in which the other side may see them.

import { type OutgoingArea, runAt } from "../../../shared-protocol/src/mailbox/outgoing-area.js"
import type { HostBytes } from "../bytes.js"

/** Hands each changed run to `write`. Ring indexes come last, because they announce the others. */
export function drainArea(area: OutgoingArea, write: (offset: number, bytes: Uint8Array) => void): void {
  const bytes = area.bytes as HostBytes
  const copy = (offset: number, length: number) => write(offset, bytes.slice(offset, offset + length))
  for (let n = area.dirtyFirst; n < area.dirtyEnd; n++) {
    const run = runAt(area, n)
    copy(run.offset, run.length)
  }
  for (let n = 0; n < area.indexCount; n++) copy(area.indexOffsets[n] as number, 2)
  area.dirtyFirst = 0
  area.dirtyEnd = 0
  area.indexCount = 0
}
