// Requests by which the rows of the bus tell what it does with them: to a device that does not exist, which get no answer,
// those whose responses are recognised by their content, whatever happens to their tokens, and GET_DEVICES.

import { getU32 } from "../../../../shared-protocol/src/bytes.js"
import { type DeviceBitmap, decodeGetDevicesResponse } from "../../../../shared-protocol/src/messages/bus.js"
import { HEADER_SIZE } from "../../../../shared-protocol/src/messages/header.js"
import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import { blocked, skip } from "../verdict.js"

export function absentNumber(bench: DeviceBench): number {
  for (let devNum = 0xfffe; ; devNum--) if (!bench.deviceNumbers.includes(devNum)) return devNum
}

/** Sends a request to a device that does not exist through the package's own side of the bus, and tells how it ended. */
export async function unanswerable(bench: DeviceBench) {
  const { request, clock } = bench.port
  if (!request) skip("The suite itself is the driver side of this bus.")
  const startMs = clock.now()
  let endings = 0
  let failure: unknown
  await request(frames.getDeviceStatus(absentNumber(bench))).then(
    () => endings++,
    (error) => {
      endings++
      failure = error
    },
  )
  await bench.conversation.sentinel()
  return { endings, failure, tookMs: clock.now() - startMs }
}

/**
 * A GET_VQUEUE of a queue that does not exist is answered with its index and zeros, so the payload can be recognised.
 */
export const FAR_QUEUE = 0xdeadbe00

export async function needPing(bench: DeviceBench, data: number, token?: number): Promise<Uint8Array> {
  if (bench.conversation.hasPing === false) skip("The bus does not support PING.")
  const response = await bench.conversation.ask(frames.ping(data), token)
  return response ?? blocked("No response to PING.")
}

/** Requests that can be told apart by what is answered. */
export function distinctRequests(bench: DeviceBench, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => frames.getVqueue(bench.devNum, FAR_QUEUE + n))
}

export const echoedIndex = (response: Uint8Array) =>
  response.length >= 12 ? getU32(response, HEADER_SIZE) : undefined

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
