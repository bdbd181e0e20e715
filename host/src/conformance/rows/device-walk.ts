// Finding the devices of a bus window by window, as a driver does (virtio-msg "GET_DEVICES").

import { type DeviceBitmap, decodeGetDevicesResponse } from "../../../../shared-protocol/src/messages/bus.js"
import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import { blocked, skip } from "../verdict.js"

interface Window extends DeviceBitmap {
  readonly frame: Uint8Array
}

export async function getDevices(bench: DeviceBench, offset: number, count: number): Promise<Window> {
  const frame = await bench.ask(frames.getDevices(offset, count))
  if (!frame) skip("The bus does not support GET_DEVICES.")
  const decoded = decodeGetDevicesResponse(frame)
  if (!decoded.ok) return blocked(`The response to GET_DEVICES is malformed: ${decoded.reason}.`)
  return { ...decoded.value, frame }
}

/** Goes through all windows of `count` slots, as a driver does, and returns what it finds. */
export async function walk(bench: DeviceBench, count: number): Promise<number[]> {
  const found: number[] = []
  let offset = 0
  for (let rounds = 0; rounds < 64; rounds++) {
    const window = await getDevices(bench, offset, count)
    found.push(...window.deviceNumbers)
    if (window.nextOffset === 0) return found
    if (window.nextOffset <= offset) blocked("next_offset goes back.")
    offset = window.nextOffset
  }
  return blocked("GET_DEVICES has not ended after 64 requests.")
}
