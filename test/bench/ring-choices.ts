// Why the queue is a split ring with VIRTIO_F_IN_ORDER: what other kinds would make travel. Split rings are
// measured, with the feature offered and not; a packed ring, which we do not have, is computed from its layout.

import { demoChips, SimulatedBus } from "../../firmware/src/chips/simulated-bus.js"
import { Bus } from "../../host/src/bus/bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import { VirtualClock } from "../../host/src/clock.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { I2cDevice } from "../../shared-protocol/src/device/i2c.js"
import { FEATURE_IN_ORDER_BLOCK1 } from "../../shared-protocol/src/device-types/feature-bits.js"
import { NEAR_SPAN_OVERHEAD, PACKET_DATA, SPAN_OVERHEAD } from "../../shared-protocol/src/mailbox/packet.js"
import { MemoryLink } from "../support/memory-link.js"
import { RegisterReader } from "./ours.js"

const WARM_BATCHES = 8
const MEASURED_BATCHES = 8
/** Five do not divide the slots: no slot sees the same length twice in a row. */
const LENGTHS = [1, 2, 3, 4, 2]

export interface RingCost {
  readonly kind: string
  readonly isMeasured: boolean
  /** Register reads in the kick; all of two bytes, or of one to four in a pattern that no lap repeats. */
  readonly batch: number
  readonly isAlike: boolean
  readonly payloadOut: number
  readonly payloadIn: number
}

/** What one kick costs in a warm queue, by kind of ring. */
export async function measureRings(): Promise<RingCost[]> {
  const costs: RingCost[] = []
  for (const batch of [1, 8, 32])
    for (const isAlike of [true, false]) {
      const inOrder = await splitRing(batch, isAlike, true)
      costs.push(inOrder, await splitRing(batch, isAlike, false))
      costs.push(packedRing(inOrder, true), packedRing(inOrder, false))
    }
  return costs
}

async function splitRing(batch: number, isAlike: boolean, isInOrder: boolean): Promise<RingCost> {
  const clock = new VirtualClock(1000)
  const chips = new SimulatedBus(
    demoChips(() => clock.now(), allocateBytes),
    allocateBytes,
  )
  const device = new I2cDevice(chips, allocateBytes(0), () => Promise.resolve())
  const features = device.features.map((bits, block) =>
    block === 1 && !isInOrder ? bits & ~FEATURE_IN_ORDER_BLOCK1 : bits,
  )
  const link = new MemoryLink(clock, { types: [Object.assign(device, { features })] })
  const bus = new OpenedBus(await clock.run(Bus.open(link, { clock })))
  const reader = new RegisterReader(await clock.run(bus.i2c()))
  let reads = 0
  const lengthOf = () => (isAlike ? 2 : LENGTHS[reads++ % LENGTHS.length]) as number
  const kick = () => clock.run(Promise.all(Array.from({ length: batch }, () => reader.read(lengthOf()))))
  const warmBatches = Math.ceil((WARM_BATCHES * 32) / batch)
  for (let at = 0; at < warmBatches; at++) await kick()
  const bytes = { out: 0, in: 0 }
  bus.bus.trace.onPacket.on((direction, packet) => {
    if ((packet[0] as number) & PACKET_DATA) bytes[direction] += packet.length
  })
  for (let at = 0; at < MEASURED_BATCHES; at++) await kick()
  await bus.close()
  return {
    kind: isInOrder ? "split, in order" : "split",
    isMeasured: true,
    batch,
    isAlike,
    payloadOut: Math.round(bytes.out / MEASURED_BATCHES),
    payloadIn: Math.round(bytes.in / MEASURED_BATCHES),
  }
}

/**
 * A packed ring in the same place (virtio 1.4 2.8): no available ring and no indexes, but every descriptor's flags
 * hold two bits, in both of their bytes, that change with every lap. The driver writes them in each of the three
 * descriptors of each of the two chains of a read; descriptors are 16 bytes apart, so each is a span. The device
 * writes a used descriptor (len, id, flags) for each chain, or with VIRTIO_F_IN_ORDER for the batch; its flags
 * always change.
 */
function packedRing(split: RingCost, isInOrder: boolean): RingCost {
  const FLAGS_BYTES = 2
  const INDEX_SPAN_BYTES = SPAN_OVERHEAD + 1
  const CHAINS_PER_READ = 2
  const DESCRIPTORS_PER_CHAIN = 3
  const chains = CHAINS_PER_READ * split.batch
  const flagsSpan = NEAR_SPAN_OVERHEAD + FLAGS_BYTES
  return {
    kind: isInOrder ? "packed, in order" : "packed",
    isMeasured: false,
    batch: split.batch,
    isAlike: split.isAlike,
    payloadOut: split.payloadOut - INDEX_SPAN_BYTES + chains * DESCRIPTORS_PER_CHAIN * flagsSpan,
    payloadIn: split.payloadIn - INDEX_SPAN_BYTES + (isInOrder ? 1 : chains) * flagsSpan,
  }
}
