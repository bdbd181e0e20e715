// What an observer knows, as two packets that tell it to an observer who comes later: the messages that negotiated
// something, and the bytes of the window. They carry PACKET_SNAPSHOT and were never on a link.

import {
  MAX_AREA_SIZE,
  MESSAGE_OVERHEAD,
  PACKET_DATA,
  PACKET_HEADER_SIZE,
  RECORD_MESSAGE,
  RECORD_SPAN,
} from "../../../shared-protocol/src/mailbox/packet.js"
import { DEVICE_AREA, DRIVER_AREA } from "../../../shared-protocol/src/ring/layout.js"
import type { Direction } from "../link/link.js"
import { PACKET_SNAPSHOT } from "./packet-fields.js"
import type { TraceObserver } from "./trace-observer.js"
import type { WindowView } from "./window-view.js"

const LONGEST_SPAN = 255
/** Shorter runs of zeros are sent along: the head of another span would cost as much. */
const SHORT_GAP = 4

/** The device's side comes first: it has the sizes of the areas, then what is needed to follow queues. */
export function snapshotPackets(known: TraceObserver): { direction: Direction; bytes: Uint8Array }[] {
  const { epoch, exchanges, window } = known
  if (epoch === undefined) return []
  const { fromDevice, fromDriver } = exchanges.memorable()
  return [
    { direction: "in", bytes: packet(epoch, [...messages(fromDevice), ...spans(window, DEVICE_AREA)]) },
    { direction: "out", bytes: packet(epoch, [...spans(window, DRIVER_AREA), ...messages(fromDriver)]) },
  ]
}

function packet(epoch: number, records: readonly (readonly number[])[]): Uint8Array {
  const header = [PACKET_DATA | PACKET_SNAPSHOT, epoch & 0xff, epoch >> 8, 0, 0]
  const bytes = Uint8Array.from([...header, ...records.flat()])
  if (bytes.length < PACKET_HEADER_SIZE) throw new Error("a packet without a header")
  return bytes
}

function messages(frames: readonly Uint8Array[]): number[][] {
  return frames
    .filter((frame) => frame.length <= 255 - MESSAGE_OVERHEAD)
    .map((frame) => [RECORD_MESSAGE, frame.length, ...frame])
}

/** The area's bytes that are not 0, as spans. */
function spans(window: WindowView, area: number): number[][] {
  const bytes = window.area(area) ?? new Uint8Array(0)
  const found: number[][] = []
  for (let at = 0; at < Math.min(bytes.length, MAX_AREA_SIZE); ) {
    if (bytes[at] === 0) {
      at++
      continue
    }
    let end = at + 1
    for (let next = end; next < bytes.length && next - at < LONGEST_SPAN && next - end < SHORT_GAP; next++)
      if (bytes[next] !== 0) end = next + 1
    found.push([RECORD_SPAN | (at >> 8), at & 0xff, end - at, ...bytes.subarray(at, end)])
    at = end
  }
  return found
}
