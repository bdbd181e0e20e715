// Rows of the device about the size of a virtqueue, its rings, notifications and their suppression: R7 to R18
// (virtio 1.4 2.7, 2.7.7 to 2.7.10).

import {
  FEATURE_EVENT_IDX,
  FEATURE_IN_ORDER_BLOCK1,
} from "../../../../shared-protocol/src/device-types/feature-bits.js"
import { EVENT_USED } from "../../../../shared-protocol/src/messages/ids.js"
import { STATUS_DEVICE_NEEDS_RESET } from "../../../../shared-protocol/src/messages/status.js"
import { counted } from "../../counted.js"
import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import { deviceMust, deviceShould, type Row } from "../row.js"
import type { SuiteQueue } from "../suite-queue.js"
import { expect, skip } from "../verdict.js"
import type { Workload } from "../workload.js"
import { complete, expectServed, startServing } from "./serving.js"

const usedRing = deviceMust("2.7.8 Used Ring")
const split = deviceMust("2.7 Split Virtqueues")
const inOrder = deviceMust("2.7.9 In-order use of descriptors")
const usedSuppression = deviceMust("2.7.7 Used Buffer Notification Suppression")
const usedSuppressionShould = deviceShould("2.7.7 Used Buffer Notification Suppression")
const availSuppression = deviceMust("2.7.10 Available Buffer Notification Suppression")

const LARGEST_QUEUE = 32768

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

export const RING_DEVICE_RING_ROWS: readonly Row[] = [
  usedRing("R11", "Each chain comes back once, by the index of its head.", async (bench) => {
    const { queue, workload } = await bench.start()
    const chains = queue.submit(workload.request(0), workload.request(1), workload.request(2))
    await complete(queue, chains.length)
    const heads = chains.map((_, n) => queue.usedElement(n).id).sort((a, b) => a - b)
    const expected = chains.map((chain) => chain.head).sort((a, b) => a - b)
    expect(
      heads.join() === expected.join(),
      `Offered were heads ${expected.join(", ")}, back came ${heads.join(", ")}.`,
    )
  }),
  usedRing(
    "R12",
    "len is there when the used index shows it, and the device has written that many bytes.",
    async (bench) => {
      const { queue, workload } = await bench.start()
      for (let n = 0; n < 3; n++) {
        const [chain] = queue.submit(workload.request(n))
        await complete(queue, n + 1)
        if (!chain) continue
        const { lengthBytes } = queue.usedElement(n)
        expect(
          lengthBytes <= chain.writableBytes,
          `Used length ${lengthBytes} exceeds the chain's ${counted(chain.writableBytes, "writable byte")}.`,
        )
        const wrong = workload.judge(queue.written(chain), lengthBytes)
        expect(wrong === "", `Request ${n} came back with ${wrong}.`)
      }
    },
  ),
  usedRing(
    "R13",
    "Indexes run on; their place in the ring is the index modulo the queue's size.",
    async (bench) => {
      await startServing(bench)
      const { queue, workload } = await bench.start({ queueSize: 4 })
      for (let n = 0; n < 11; n++) {
        const [chain] = queue.submit(workload.request(n))
        expect(await queue.completed(n + 1), `In a queue of ${queue.size}, request ${n} was not completed.`)
        const { id } = queue.usedElement(n)
        expect(
          id === chain?.head,
          `In a queue of ${queue.size}, used element ${n} names head ${id}, not ${chain?.head}.`,
        )
      }
    },
  ),
  split("R16", "A queue's size is a power of two, at most 32768.", async (bench) => {
    await bench.negotiate()
    const queue = await bench.layOutQueue(8)
    const { maxSize } = await bench.getVqueue(queue.index)
    expect(maxSize <= LARGEST_QUEUE, `The largest size is ${maxSize}.`)
    for (const size of [3, 6]) {
      if (size > maxSize) continue
      await bench.setVqueue(bench.enabling(queue, { size }))
      const { curSize } = await bench.getVqueue(queue.index)
      expect(curSize !== size, `A queue of ${counted(size, "descriptor")} was accepted.`)
    }
  }),
  split("R17", "A driver may choose any power of two up to the largest size.", async (bench) => {
    const workload = bench.needWorkload()
    const { maxSize } = await bench.getVqueue(workload.queueIndex)
    const descriptors = workload.request(0).length
    for (let size = maxSize; size >= descriptors; size /= 2) {
      if (!bench.hasRoomFor(size) || (size !== maxSize && size > 8)) continue
      await startServing(bench)
      const { queue } = await bench.start({ queueSize: size })
      queue.submit(workload.request(0))
      expect(await queue.completed(1), `In a queue of ${size} the first request is not completed.`)
      if (queue.size !== size) continue
      await expectServed(bench, queue, workload, `in a queue of ${size}`)
    }
  }),
  inOrder(
    "R18",
    "With VIRTIO_F_IN_ORDER buffers come back in the order in which they were made available.",
    async (bench) => {
      if (!(await bench.offers(1, FEATURE_IN_ORDER_BLOCK1)))
        skip("The device does not offer VIRTIO_F_IN_ORDER.")
      const { queue, workload } = await bench.start({ extra: [0, FEATURE_IN_ORDER_BLOCK1] })
      const heads: number[] = []
      for (const batch of [[0], [1, 2, 3], [4, 5]]) {
        const before = heads.length
        const chains = queue.submit(...batch.map((n) => workload.request(n)))
        heads.push(...chains.map((chain) => chain.head))
        await complete(queue, heads.length)
        // one element, in the place of the first chain that it stands for, may stand for all chains up to its own
        for (let at = before; at < heads.length; ) {
          const end = heads.indexOf(queue.usedElement(at).id, at)
          expect(
            end >= 0,
            `Used element ${at} names head ${queue.usedElement(at).id}; next in order is ${heads[at]}.`,
          )
          at = end + 1
        }
      }
    },
  ),
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
