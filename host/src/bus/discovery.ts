// Which devices there are: GET_DEVICES, window by window, with an end even if the device knows none (virtio-msg "Bus
// Operation", B45 to B48).

import {
  decodeGetDevicesResponse,
  encodeGetDevicesRequest,
  GET_DEVICES_REQUEST_SIZE,
} from "../../../shared-protocol/src/messages/bus.js"
import { allocateBytes } from "../bytes.js"
import { counted } from "../counted.js"
import type { VirtioMsgError } from "../errors.js"
import { notAsSpecified } from "./failures.js"

/** How many numbers are asked for at once: as many as fit a response of 52 bytes. */
const COUNT = 304
/** A device bitmap has 65536 places. More questions than this never end. */
const MOST_REQUESTS = 1 + Math.ceil(65536 / COUNT)

/** The numbers of all devices, ascending. Rejects with PROTOCOL, or as `request` does. */
export async function discover(request: (frame: Uint8Array) => Promise<Uint8Array>): Promise<number[]> {
  const found: number[] = []
  let offset = 0
  for (let round = 0; round < MOST_REQUESTS; round++) {
    const count = Math.min(COUNT, 0x10000 - offset)
    const frame = allocateBytes(GET_DEVICES_REQUEST_SIZE)
    encodeGetDevicesRequest(frame, { offset, count })
    const response = decodeGetDevicesResponse(await request(frame))
    if (!response.ok) throw discoveryError(response.reason)
    const bitmap = response.value
    if (bitmap.offset !== offset || bitmap.count > count)
      throw discoveryError(
        `asked for ${counted(count, "number")} from ${offset}, got ${bitmap.count} from ${bitmap.offset}`,
      )
    found.push(...bitmap.deviceNumbers)
    if (bitmap.nextOffset === 0) return found
    if (bitmap.nextOffset <= offset) throw discoveryError(`next_offset ${bitmap.nextOffset} after ${offset}`)
    offset = bitmap.nextOffset
  }
  throw discoveryError(`it has not ended after ${MOST_REQUESTS} requests`)
}

function discoveryError(what: string): VirtioMsgError {
  return notAsSpecified(`GET_DEVICES: ${what}.`)
}
