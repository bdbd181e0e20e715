// Has a device serve requests, for rows that need served ones, and judges how they came back; and what GET_VQUEUE says of
// a virtqueue before and after.

import { STATUS_DEVICE_NEEDS_RESET } from "../../../../shared-protocol/src/messages/status.js"
import { VQUEUE_ENABLED, type VqueueState } from "../../../../shared-protocol/src/messages/vqueue.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import type { DeviceBench, StartOptions } from "../device-bench.js"
import type { BufferPlan, OfferedChain, SuiteQueue } from "../suite-queue.js"
import { blocked, expect } from "../verdict.js"
import type { Workload } from "../workload.js"

export async function complete(queue: SuiteQueue, idx: number): Promise<void> {
  if (!(await queue.completed(idx)))
    blocked(`The device completes only ${queue.usedIdx} of ${counted(idx, "request")}.`)
}

/** A chain that came back. */
export interface Served {
  readonly chain: OfferedChain
  readonly usedBytes: number
  /** All bytes that the device may write. */
  readonly bytes: Uint8Array
}

/** Has requests served in one kick. Blocks the row unless all of them come back. */
export async function serve(
  queue: SuiteQueue,
  requests: readonly (readonly BufferPlan[])[],
  noun = "request",
): Promise<Served[]> {
  const from = queue.usedIdx
  const chains = queue.submit(...requests)
  if (!(await queue.completed(from + chains.length)))
    blocked(`The device completes only ${queue.usedIdx - from} of ${counted(chains.length, noun)}.`)
  const elements = chains.map((_, n) => queue.usedElement(from + n))
  return chains.map((chain) => {
    const usedBytes = elements.find(({ id }) => id === chain.head)?.lengthBytes ?? 0
    return { chain, usedBytes, bytes: queue.written(chain) }
  })
}

/** Judges the used length of a response that has so many bytes. */
export const judgeLength = (bytes: number) => (_written: Uint8Array, usedBytes: number) =>
  usedBytes === bytes ? "" : `used length ${usedBytes} for a response of ${counted(bytes, "byte")}`

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

export const asText = (state: VqueueState) =>
  `size ${state.curSize}, flags ${hex(state.flags)}, table ${hex(state.desc.high)}:${hex(state.desc.low)}, ` +
  `available ring ${hex(state.driver.high)}:${hex(state.driver.low)}, used ring ${hex(state.device.high)}:${hex(state.device.low)}`

/** A queue after feature negotiation, not yet configured. */
export async function fresh(bench: DeviceBench, queueSize?: number): Promise<SuiteQueue> {
  await bench.negotiate()
  return bench.layOutQueue(queueSize)
}

export async function isEnabled(bench: DeviceBench, index: number): Promise<boolean> {
  return ((await bench.getVqueue(index)).flags & VQUEUE_ENABLED) !== 0
}
