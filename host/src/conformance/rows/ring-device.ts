// Rows of the device about split virtqueues (virtio 1.4 2.7): R1 to R18.

import {
  FEATURE_EVENT_IDX,
  FEATURE_IN_ORDER_BLOCK1,
  FEATURE_INDIRECT_DESC,
} from "../../../../shared-protocol/src/device/device-type.js"
import { EVENT_USED } from "../../../../shared-protocol/src/messages/ids.js"
import { STATUS_DEVICE_NEEDS_RESET } from "../../../../shared-protocol/src/messages/status.js"
import { DESCRIPTOR_WRITE } from "../../../../shared-protocol/src/ring/layout.js"
import type { DeviceBench, StartOptions } from "../device-bench.js"
import * as frames from "../frames.js"
import { blocked, deviceMust, expect, type Row, skip } from "../row.js"
import type { BufferPlan, SuiteQueue } from "../suite-queue.js"
import type { Workload } from "../workloads.js"

const LARGEST_QUEUE = 32768
/** Where some requests succeed and others do not, so many are tried, so many at a time. */
const REQUESTS_TRIED = 112
const REQUESTS_AT_ONCE = 16

/** The same bytes in more buffers: every one of two bytes or more is cut in two. */
function cut(plans: readonly BufferPlan[]): BufferPlan[] {
  return plans.flatMap((plan): BufferPlan[] => {
    const length = "data" in plan ? plan.data.length : plan.roomBytes
    const half = Math.floor(length / 2)
    if (half === 0) return [plan]
    return "data" in plan
      ? [{ data: plan.data.slice(0, half) }, { data: plan.data.slice(half) }]
      : [{ roomBytes: half }, { roomBytes: length - half }]
  })
}

async function complete(queue: SuiteQueue, idx: number): Promise<void> {
  if (!(await queue.completed(idx))) blocked(`The device completes only ${queue.usedIdx} of ${idx} requests.`)
}

/** Starts, and has one request served the plain way: where that fails, nothing else can be judged. */
async function startServing(bench: DeviceBench, options: StartOptions = {}) {
  const { queue, workload } = await bench.start(options)
  const [chain] = queue.submit(workload.request(0))
  await complete(queue, 1)
  const wrong = chain ? workload.judge(queue.written(chain), queue.usedElement(0).lengthBytes) : ""
  if (wrong !== "") blocked(`A plain request came back with ${wrong}.`)
  return { queue, workload }
}

/** Starts with VIRTIO_F_INDIRECT_DESC; skips the row where it is not offered. */
async function startIndirect(bench: DeviceBench) {
  if (!(await bench.offers(0, FEATURE_INDIRECT_DESC)))
    skip("The device does not offer VIRTIO_F_INDIRECT_DESC.")
  return startServing(bench, { extra: [FEATURE_INDIRECT_DESC, 0] })
}

/** Has a chain served, behind the plain request of `startServing`. */
async function expectServed(
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

/** A request that succeeds: refusing one cannot be told from failing at one. Skips the row where there is none. */
async function successful(bench: DeviceBench, workload: Workload): Promise<number> {
  if (!workload.isSuccess) return 0
  const { queue } = await bench.start({ queueSize: REQUESTS_AT_ONCE * 4 })
  const most = Math.floor(queue.size / 4)
  for (let first = 0; first < REQUESTS_TRIED; first += most) {
    const chains = queue.submit(...Array.from({ length: most }, (_, at) => workload.request(first + at)))
    await complete(queue, first + most)
    const found = chains.findIndex((chain) => workload.isSuccess?.(queue.written(chain)))
    if (found >= 0) return first + found
  }
  return skip("No request of this kind succeeds, so that a refusal would not show.")
}

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

export const RING_DEVICE_ROWS: readonly Row[] = [
  deviceMust(
    "R1",
    "2.7.4 Message Framing",
    "The device does not depend on how a request is cut into descriptors.",
    async (bench) => {
      const workload = bench.needWorkload()
      const n = await successful(bench, workload)
      const plans = cut(workload.request(n))
      if (plans.length === workload.request(n).length) skip("A request of this device type cannot be cut.")
      const { queue } = await startServing(bench)
      const chain = queue.describe(plans)
      await expectServed(bench, queue, workload, `in ${plans.length} descriptors`, chain)
      expect(
        workload.isSuccess?.(queue.written(chain)) ?? true,
        `A request that succeeds is refused when its bytes are cut into ${plans.length} descriptors.`,
      )
    },
  ),
  deviceMust(
    "R2",
    "2.7.5 Descriptor Table",
    "The device does not write to device-readable buffers.",
    async (bench) => {
      const { queue, workload } = await bench.start()
      const requests = [0, 1, 2].map((n) => workload.request(n))
      const chains = queue.submit(...requests)
      const { driverRegion } = bench.port.memory
      const before = bench.port.memory.read(driverRegion.address, driverRegion.lengthBytes)
      await complete(queue, chains.length)
      const after = bench.port.memory.read(driverRegion.address, driverRegion.lengthBytes)
      const at = after.findIndex((byte, i) => byte !== before[i])
      expect(at < 0, `The device changed byte ${at} of the memory that only the driver writes.`)
    },
  ),
  deviceMust(
    "R3",
    "2.7.5 Descriptor Table",
    "The device does not read device-writable buffers.",
    async (bench) => {
      const { prefill } = bench.port.memory
      if (!prefill) skip("On this bus only the device can write there: it finds what it left itself.")
      const outcomes = new Set<string>()
      // whatever lies there, the same request ends in the same way
      for (const fill of [0x00, 0x01, 0x5a, 0xff]) {
        const { queue, workload } = await bench.start()
        const chain = queue.describe(workload.request(0))
        for (const { isWritable, address, lengthBytes } of chain.buffers)
          if (isWritable) prefill(address, new Uint8Array(lengthBytes).fill(fill))
        queue.offer(chain.head)
        queue.kick()
        await complete(queue, 1)
        const { lengthBytes } = queue.usedElement(0)
        const written = workload.isRepeatable ? queue.written(chain).subarray(0, lengthBytes).join(" ") : ""
        outcomes.add(`${lengthBytes}: ${written}`)
      }
      expect(
        outcomes.size === 1,
        `What lies in its device-writable buffers changes how a request ends: ${[...outcomes].join(" / ")}.`,
      )
    },
    { level: "SHOULD" },
  ),
  deviceMust(
    "R4",
    "2.7.5.3 Indirect Descriptors",
    "A table of indirect descriptors stands for a chain.",
    async (bench) => {
      const { queue, workload } = await startIndirect(bench)
      const chain = queue.describeIndirect(workload.request(0))
      await expectServed(bench, queue, workload, "in an indirect table", chain)
    },
  ),
  deviceMust(
    "R5",
    "2.7.5.3 Indirect Descriptors",
    "VIRTQ_DESC_F_WRITE is ignored in a descriptor that refers to an indirect table.",
    async (bench) => {
      const { queue, workload } = await startIndirect(bench)
      const chain = queue.describeIndirect(workload.request(0), 0, DESCRIPTOR_WRITE)
      await expectServed(bench, queue, workload, "whose indirect descriptor has the WRITE flag", chain)
    },
  ),
  deviceMust(
    "R6",
    "2.7.5.3 Indirect Descriptors",
    "Descriptors may come before the one that refers to an indirect table.",
    async (bench) => {
      const { queue, workload } = await startIndirect(bench)
      const plans = workload.request(0).length > 1 ? workload.request(0) : cut(workload.request(0))
      if (plans.length < 2) skip("A request of this device type cannot be cut.")
      const chain = queue.describeIndirect(plans, 1)
      await expectServed(bench, queue, workload, "of a descriptor and an indirect table behind it", chain)
    },
  ),
  deviceMust(
    "R7",
    "2.7.7 Used Buffer Notification Suppression",
    "With flags 0 in the available ring the device notifies; without EVENT_IDX it ignores used_event.",
    async (bench) => {
      const { queue, workload } = await bench.start()
      setUsedEvent(bench, queue, 0x7777)
      const events = await eventsFor(bench, queue, workload)
      expect(events > 0, "With flags 0, and a used_event that means nothing, no EVENT_USED came.")
    },
  ),
  deviceMust(
    "R8",
    "2.7.7 Used Buffer Notification Suppression",
    "With flags 1 in the available ring the device does not notify.",
    async (bench) => {
      const { queue, workload } = await bench.start()
      queue.availFlags = 1
      const events = await eventsFor(bench, queue, workload)
      expect(events === 0, "With flags 1 in the available ring EVENT_USED came.")
    },
    { level: "SHOULD" },
  ),
  deviceMust(
    "R9",
    "2.7.7 Used Buffer Notification Suppression",
    "With EVENT_IDX the device notifies when used_event is passed, whatever flags say.",
    async (bench) => {
      const { queue, workload } = await startEventIdx(bench)
      queue.availFlags = 1
      setUsedEvent(bench, queue, 0)
      const events = await eventsFor(bench, queue, workload)
      expect(events > 0, "used_event 0 was passed, and no EVENT_USED came.")
    },
  ),
  deviceMust(
    "R10",
    "2.7.7 Used Buffer Notification Suppression",
    "With EVENT_IDX the device does not notify before used_event is passed.",
    async (bench) => {
      const { queue, workload } = await startEventIdx(bench)
      setUsedEvent(bench, queue, 5)
      const events = await eventsFor(bench, queue, workload)
      expect(events === 0, "used_event is 5, and the first completion was notified.")
    },
    { level: "SHOULD" },
  ),
  deviceMust(
    "R11",
    "2.7.8 Used Ring",
    "Each chain comes back once, by the index of its head.",
    async (bench) => {
      const { queue, workload } = await bench.start()
      const chains = queue.submit(workload.request(0), workload.request(1), workload.request(2))
      await complete(queue, chains.length)
      const heads = chains.map((_, n) => queue.usedElement(n).id).sort((a, b) => a - b)
      const expected = chains.map((chain) => chain.head).sort((a, b) => a - b)
      expect(
        heads.join() === expected.join(),
        `Offered were heads ${expected.join(", ")}, back came ${heads.join(", ")}.`,
      )
    },
  ),
  deviceMust(
    "R12",
    "2.7.8 Used Ring",
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
          `Used length ${lengthBytes} exceeds the chain's ${chain.writableBytes} writable bytes.`,
        )
        const wrong = workload.judge(queue.written(chain), lengthBytes)
        expect(wrong === "", `Request ${n} came back with ${wrong}.`)
      }
    },
  ),
  deviceMust(
    "R13",
    "2.7.8 Used Ring",
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
  deviceMust(
    "R14",
    "2.7.10 Available Buffer Notification Suppression",
    "flags of the used ring are 0 or 1, and 0 with EVENT_IDX.",
    async (bench) => {
      const { queue, workload } = await bench.start()
      queue.submit(workload.request(0))
      await complete(queue, 1)
      expect(queue.usedFlags <= 1, `flags of the used ring are ${queue.usedFlags}.`)
      if (!(await bench.offers(0, FEATURE_EVENT_IDX))) return
      const { queue: again } = await startEventIdx(bench)
      again.submit(workload.request(0))
      await complete(again, 1)
      expect(again.usedFlags === 0, `With EVENT_IDX, flags of the used ring are ${again.usedFlags}.`)
    },
  ),
  deviceMust(
    "R15",
    "2.7.10 Available Buffer Notification Suppression",
    "A notification without a new buffer does no harm.",
    async (bench) => {
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
    },
  ),
  deviceMust(
    "R16",
    "2.7 Split Virtqueues",
    "A queue's size is a power of two, at most 32768.",
    async (bench) => {
      await bench.negotiate()
      const queue = await bench.layOutQueue(8)
      const { maxSize } = await bench.getVqueue(queue.index)
      expect(maxSize <= LARGEST_QUEUE, `The largest size is ${maxSize}.`)
      for (const size of [3, 6]) {
        if (size > maxSize) continue
        await bench.setVqueue(bench.enabling(queue, { size }))
        const { curSize } = await bench.getVqueue(queue.index)
        expect(curSize !== size, `A queue of ${size} descriptors was accepted.`)
      }
    },
  ),
  deviceMust(
    "R17",
    "2.7 Split Virtqueues",
    "A driver may choose any power of two up to the largest size.",
    async (bench) => {
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
    },
  ),
  deviceMust(
    "R18",
    "2.7.9 In-order use of descriptors",
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
        // one element, at the place of the first chain that it stands for, may stand for all up to its own
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
]
