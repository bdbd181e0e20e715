// Rows of the device about notifications of a virtqueue and their suppression: R7 to R10, R14, R15
// (virtio 1.4 2.7.7, 2.7.10).

import { FEATURE_EVENT_IDX } from "../../../../shared-protocol/src/device-types/feature-bits.js"
import { EVENT_USED } from "../../../../shared-protocol/src/messages/ids.js"
import { STATUS_DEVICE_NEEDS_RESET } from "../../../../shared-protocol/src/messages/status.js"
import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import { deviceMust, deviceShould, type Row } from "../row.js"
import type { SuiteQueue } from "../suite-queue.js"
import { expect, skip } from "../verdict.js"
import type { Workload } from "../workload.js"
import { complete } from "./serving.js"

const usedSuppression = deviceMust("2.7.7 Used Buffer Notification Suppression")
const usedSuppressionShould = deviceShould("2.7.7 Used Buffer Notification Suppression")
const availSuppression = deviceMust("2.7.10 Available Buffer Notification Suppression")

/** How many EVENT_USED come for one request. */
async function eventsFor(bench: DeviceBench, queue: SuiteQueue, workload: Workload): Promise<number> {
  bench.needNotifications()
  const mark = bench.conversation.mark()
  const idx = queue.usedIdx
  queue.submit(workload.request(idx))
  await complete(queue, idx + 1)
  const count = () => bench.conversation.eventsSince(mark, EVENT_USED, bench.devNum).length
  await bench.conversation.waitUntil(() => count() > 0, 100)
  await bench.conversation.sentinel()
  return count()
}

async function startEventIdx(bench: DeviceBench) {
  if (!(await bench.offers(0, FEATURE_EVENT_IDX))) skip("The device does not offer VIRTIO_F_EVENT_IDX.")
  return bench.start({ extra: [FEATURE_EVENT_IDX, 0] })
}

function setUsedEvent(bench: DeviceBench, queue: SuiteQueue, value: number): void {
  const at = queue.place.driver + BigInt(4 + 2 * queue.size)
  bench.port.memory.write(at, Uint8Array.of(value & 0xff, value >> 8))
}

export const RING_DEVICE_NOTIFICATION_ROWS: readonly Row[] = [
  usedSuppression(
    "R7",
    "With flags 0 in the available ring the device notifies; without EVENT_IDX it ignores used_event.",
    async (bench) => {
      const { queue, workload } = await bench.start()
      setUsedEvent(bench, queue, 0x7777)
      const events = await eventsFor(bench, queue, workload)
      expect(events > 0, "With flags 0, and a used_event that means nothing, no EVENT_USED came.")
    },
  ),
  usedSuppressionShould(
    "R8",
    "With flags 1 in the available ring the device does not notify.",
    async (bench) => {
      const { queue, workload } = await bench.start()
      queue.availFlags = 1
      const events = await eventsFor(bench, queue, workload)
      expect(events === 0, "With flags 1 in the available ring EVENT_USED came.")
    },
  ),
  usedSuppression(
    "R9",
    "With EVENT_IDX the device notifies when used_event is passed, whatever flags say.",
    async (bench) => {
      const { queue, workload } = await startEventIdx(bench)
      queue.availFlags = 1
      setUsedEvent(bench, queue, 0)
      const events = await eventsFor(bench, queue, workload)
      expect(events > 0, "used_event 0 was passed, and no EVENT_USED came.")
    },
  ),
  usedSuppressionShould(
    "R10",
    "With EVENT_IDX the device does not notify before used_event is passed.",
    async (bench) => {
      const { queue, workload } = await startEventIdx(bench)
      setUsedEvent(bench, queue, 5)
      const events = await eventsFor(bench, queue, workload)
      expect(events === 0, "used_event is 5, and the first completion was notified.")
    },
  ),
  availSuppression("R14", "flags of the used ring are 0 or 1, and 0 with EVENT_IDX.", async (bench) => {
    const { queue, workload } = await bench.start()
    queue.submit(workload.request(0))
    await complete(queue, 1)
    expect(queue.usedFlags <= 1, `flags of the used ring are ${queue.usedFlags}.`)
    if (!(await bench.offers(0, FEATURE_EVENT_IDX))) return
    const { queue: again } = await startEventIdx(bench)
    again.submit(workload.request(0))
    await complete(again, 1)
    expect(again.usedFlags === 0, `With EVENT_IDX, flags of the used ring are ${again.usedFlags}.`)
  }),
  availSuppression("R15", "A notification without a new buffer does no harm.", async (bench) => {
    const { queue, workload } = await bench.start()
    const spurious = frames.eventAvail(bench.devNum, queue.index)
    await bench.conversation.answersTo([spurious, spurious])
    expect(queue.usedIdx === 0, "A notification without a buffer completed something.")
    queue.submit(workload.request(0))
    await complete(queue, 1)
    await bench.conversation.answersTo([spurious, spurious])
    expect(queue.usedIdx === 1, "A notification without a new buffer completed something.")
    const status = await bench.getStatus()
    expect(
      (status & STATUS_DEVICE_NEEDS_RESET) === 0,
      "A notification without a new buffer made the device want a reset.",
    )
  }),
]
