// Requests by which the rows of the bus tell what it does with them: to a device that does not exist, which get no answer,
// and those whose responses are recognised by their content, whatever happens to their tokens.

import { getU32 } from "../../../../shared-protocol/src/bytes.js"
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
