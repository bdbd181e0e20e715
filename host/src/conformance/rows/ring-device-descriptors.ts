// Rows of the device about descriptors, direct and indirect: R1 to R6 (virtio 1.4 2.7.4 Message Framing, 2.7.5 Descriptor
// Table).

import { FEATURE_INDIRECT_DESC } from "../../../../shared-protocol/src/device-types/feature-bits.js"
import { DESCRIPTOR_WRITE } from "../../../../shared-protocol/src/ring/layout.js"
import { counted } from "../../counted.js"
import type { DeviceBench } from "../device-bench.js"
import { deviceMust, deviceShould, type Row } from "../row.js"
import type { BufferPlan } from "../suite-queue.js"
import { expect, skip } from "../verdict.js"
import type { Workload } from "../workload.js"
import { complete, expectServed, startServing } from "./serving.js"

const framing = deviceMust("2.7.4 Message Framing")
const table = deviceMust("2.7.5 Descriptor Table")
const tableShould = deviceShould("2.7.5 Descriptor Table")
const indirect = deviceMust("2.7.5.3 Indirect Descriptors")

/** Where some requests succeed and others do not, so many are tried in all, and so many at a time. */
const REQUESTS_TRIED = 112
const REQUESTS_AT_ONCE = 16

/** The same bytes in more buffers: each buffer of two bytes or more is cut in two. */
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

/** Starts with VIRTIO_F_INDIRECT_DESC; skips the row where it is not offered. */
async function startIndirect(bench: DeviceBench) {
  if (!(await bench.offers(0, FEATURE_INDIRECT_DESC)))
    skip("The device does not offer VIRTIO_F_INDIRECT_DESC.")
  return startServing(bench, { extra: [FEATURE_INDIRECT_DESC, 0] })
}

/** A request that succeeds, because a failed one looks like a refused one. Skips the row if there is none. */
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

export const RING_DEVICE_DESCRIPTOR_ROWS: readonly Row[] = [
  framing("R1", "The device does not depend on how a request is cut into descriptors.", async (bench) => {
    const workload = bench.needWorkload()
    const n = await successful(bench, workload)
    const plans = cut(workload.request(n))
    if (plans.length === workload.request(n).length) skip("A request of this device type cannot be cut.")
    const { queue } = await startServing(bench)
    const chain = queue.describe(plans)
    await expectServed(bench, queue, workload, `in ${counted(plans.length, "descriptor")}`, chain)
    expect(
      workload.isSuccess?.(queue.written(chain)) ?? true,
      `A request that succeeds is refused when its bytes are cut into ${counted(plans.length, "descriptor")}.`,
    )
  }),
  table("R2", "The device does not write to device-readable buffers.", async (bench) => {
    const { queue, workload } = await bench.start()
    const requests = [0, 1, 2].map((n) => workload.request(n))
    const chains = queue.submit(...requests)
    const { driverRegion } = bench.port.memory
    const before = bench.port.memory.read(driverRegion.address, driverRegion.lengthBytes)
    await complete(queue, chains.length)
    const after = bench.port.memory.read(driverRegion.address, driverRegion.lengthBytes)
    const at = after.findIndex((byte, i) => byte !== before[i])
    expect(at < 0, `The device changed byte ${at} of the memory that only the driver writes.`)
  }),
  tableShould("R3", "The device does not read device-writable buffers.", async (bench) => {
    const { prefill } = bench.port.memory
    if (!prefill) skip("On this bus only the device can write there: it finds what it left itself.")
    const outcomes = new Set<string>()
    // whatever is there, the same request has to end in the same way
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
  }),
  indirect("R4", "A table of indirect descriptors stands for a chain.", async (bench) => {
    const { queue, workload } = await startIndirect(bench)
    const chain = queue.describeIndirect(workload.request(0))
    await expectServed(bench, queue, workload, "in an indirect table", chain)
  }),
  indirect(
    "R5",
    "VIRTQ_DESC_F_WRITE is ignored in a descriptor that refers to an indirect table.",
    async (bench) => {
      const { queue, workload } = await startIndirect(bench)
      const chain = queue.describeIndirect(workload.request(0), 0, DESCRIPTOR_WRITE)
      await expectServed(bench, queue, workload, "whose indirect descriptor has the WRITE flag", chain)
    },
  ),
  indirect("R6", "Descriptors may come before the one that refers to an indirect table.", async (bench) => {
    const { queue, workload } = await startIndirect(bench)
    const plans = workload.request(0).length > 1 ? workload.request(0) : cut(workload.request(0))
    if (plans.length < 2) skip("A request of this device type cannot be cut.")
    const chain = queue.describeIndirect(plans, 1)
    await expectServed(bench, queue, workload, "of a descriptor and an indirect table behind it", chain)
  }),
]
