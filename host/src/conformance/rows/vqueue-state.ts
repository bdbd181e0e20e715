// A device's virtqueue before it is used, and in words what GET_VQUEUE says of it.

import { VQUEUE_ENABLED, type VqueueState } from "../../../../shared-protocol/src/messages/vqueue.js"
import { hex } from "../../hex.js"
import type { DeviceBench } from "../device-bench.js"
import type { SuiteQueue } from "../suite-queue.js"

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
