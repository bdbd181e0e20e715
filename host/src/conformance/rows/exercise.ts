// Some of everything, for the rows that judge the messages of the whole run: when only one of these rows is wanted,
// there have to be messages to judge.

import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import { unlessVerdict } from "../verdict.js"

/** Requests that every device answers, and that change nothing. */
export const readings = ({ devNum, info }: DeviceBench) => [
  frames.getDeviceInfo(devNum),
  frames.getDeviceFeatures(devNum, 0, 2),
  frames.getDeviceStatus(devNum),
  frames.getConfig(devNum, 0, Math.min(4, info.configSize)),
  frames.getVqueue(devNum, 0),
  frames.getShm(devNum, 0),
]

const done = new WeakSet<DeviceBench>()

/** Sends every kind of request once, and does some I/O. Once for each bench. Other rows judge what goes wrong here. */
export async function exercise(bench: DeviceBench): Promise<void> {
  if (done.has(bench)) return
  done.add(bench)
  const requests = [...readings(bench), frames.getDevices(0, 16), frames.ping(0x01020304)]
  for (const request of requests) await bench.ask(request)
  await doSomeIo(bench).catch(unlessVerdict)
}

async function doSomeIo(bench: DeviceBench): Promise<void> {
  const { queue, workload } = await bench.start()
  queue.submit(workload.request(0), workload.request(1))
  await queue.completed(2)
  await bench.conversation.sentinel()
  await bench.ask(frames.resetVqueue(bench.devNum, queue.index))
  await bench.reset()
}
