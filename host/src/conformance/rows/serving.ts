// Has a device serve requests, for rows that need served ones, and judges how they came back.

import { STATUS_DEVICE_NEEDS_RESET } from "../../../../shared-protocol/src/messages/status.js"
import { counted } from "../../counted.js"
import type { DeviceBench, StartOptions } from "../device-bench.js"
import type { SuiteQueue } from "../suite-queue.js"
import { blocked, expect } from "../verdict.js"
import type { Workload } from "../workload.js"

export async function complete(queue: SuiteQueue, idx: number): Promise<void> {
  if (!(await queue.completed(idx)))
    blocked(`The device completes only ${queue.usedIdx} of ${counted(idx, "request")}.`)
}

/** Starts, and has one request served in the usual way. If that fails, nothing else can be judged. */
export async function startServing(bench: DeviceBench, options: StartOptions = {}) {
  const { queue, workload } = await bench.start(options)
  const [chain] = queue.submit(workload.request(0))
  await complete(queue, 1)
  const wrong = chain ? workload.judge(queue.written(chain), queue.usedElement(0).lengthBytes) : ""
  if (wrong !== "") blocked(`A plain request came back with ${wrong}.`)
  return { queue, workload }
}

/** Has a chain served, after the usual request of `startServing`. */
export async function expectServed(
  bench: DeviceBench,
  queue: SuiteQueue,
  workload: Workload,
  how: string,
  chain = queue.describe(workload.request(0)),
) {
  queue.offer(chain.head)
  queue.kick()
  const isDone = await queue.completed(2)
  const status = isDone ? 0 : await bench.getStatus()
  expect(
    isDone,
    `A request ${how} is not completed${status & STATUS_DEVICE_NEEDS_RESET ? "; the device wants a reset" : ""}.`,
  )
  const wrong = workload.judge(queue.written(chain), queue.usedElement(1).lengthBytes)
  expect(wrong === "", `A request ${how} came back with ${wrong}.`)
}
