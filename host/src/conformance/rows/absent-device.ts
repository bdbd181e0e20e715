// Requests to a device that does not exist, which get no answer.

import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import { skip } from "../verdict.js"

export function absentNumber(bench: DeviceBench): number {
  for (let devNum = 0xfffe; ; devNum--) if (!bench.deviceNumbers.includes(devNum)) return devNum
}

/** Sends such a request through the package's own side of the bus, and tells how it ended. */
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
