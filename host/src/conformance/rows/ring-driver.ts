// Rows of the driver about split virtqueues: R20 to R33 (virtio 1.4 2.7).

import {
  FEATURE_EVENT_IDX,
  FEATURE_IN_ORDER_BLOCK1,
  FEATURE_INDIRECT_DESC,
} from "../../../../shared-protocol/src/device-types/feature-bits.js"
import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import {
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_WRITE,
  isQueueSize,
} from "../../../../shared-protocol/src/ring/layout.js"
import { hex } from "../../hex.js"
import { type DriverRuns, word } from "../driver/driver-runs.js"
import type { ScriptedDevice } from "../driver/scripted-device.js"
import type { SeenChain } from "../driver/seen-chain.js"
import { driverAlways, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"

/** Every chain of all runs; skips the row for a driver that made none available. */
async function chains(runs: DriverRuns): Promise<{ chain: SeenChain; device: ScriptedDevice }[]> {
  const found = (await runs.all()).flatMap((run) =>
    run.bus.devices.flatMap((device) => device.chains.map((chain) => ({ chain, device }))),
  )
  if (found.length === 0) skip("The driver made no buffers available.")
  return found
}

/** Makes, for a section, what makes its rows about each chain of all runs. */
function ofEachChain(section: string) {
  return (id: string, requirement: string, check: (chain: SeenChain, device: ScriptedDevice) => void): Row =>
    driverAlways(section)(id, requirement, async (runs) => {
      for (const { chain, device } of await chains(runs)) check(chain, device)
    })
}

const split = driverAlways("2.7 Split Virtqueues")
const framing = ofEachChain("2.7.4 Message Framing")
const table = ofEachChain("2.7.5 Descriptor Table")
const indirect = ofEachChain("2.7.5.3 Indirect Descriptors")
const availRing = driverAlways("2.7.6 Available Ring")
const usedSuppressionOfChains = ofEachChain("2.7.7 Used Buffer Notification Suppression")
const usedSuppression = driverAlways("2.7.7 Used Buffer Notification Suppression")
const usedRing = driverAlways("2.7.8 Used Ring")
const availSuppression = driverAlways("2.7.10 Available Buffer Notification Suppression")
const supplying = ofEachChain("2.7.13 Supplying Buffers")

export const RING_DRIVER_ROWS: readonly Row[] = [
  split("R20", "A queue's size is a power of two, at most 32768.", async (runs) => {
    for (const { frame } of await runs.messages(ids.SET_VQUEUE))
      expect(
        (word(frame, 4) & 4) !== 0 || isQueueSize(word(frame, 8)),
        `SET_VQUEUE sets size ${word(frame, 8)}.`,
      )
  }),
  framing("R21", "Device-writable descriptors come behind all device-readable ones.", ({ descriptors }) => {
    const buffers = descriptors.filter(({ flags }) => (flags & DESCRIPTOR_INDIRECT) === 0)
    const writable = buffers.findIndex(({ flags }) => (flags & DESCRIPTOR_WRITE) !== 0)
    const late = buffers.findIndex(
      ({ flags }, at) => writable >= 0 && at > writable && (flags & DESCRIPTOR_WRITE) === 0,
    )
    expect(late < 0, `Descriptor ${buffers[late]?.index} is device-readable, behind a writable one.`)
  }),
  table("R22", "A chain ends, lies inside its table, and is no longer than the queue.", ({ problem, head }) =>
    expect(problem === "", `Of the chain at ${head}, ${problem}.`),
  ),
  table(
    "R23",
    "With VIRTIO_F_IN_ORDER the next of descriptor x is x + 1, and 0 behind the last.",
    ({ descriptors, queueIndex }, device) => {
      if (!device.hasSelected(1, FEATURE_IN_ORDER_BLOCK1)) return
      const size = device.queues[queueIndex]?.size ?? 0
      for (const { index, next, flags, isIndirect } of descriptors)
        if (flags & DESCRIPTOR_NEXT && size > 0)
          expect(
            next === (isIndirect ? index + 1 : (index + 1) % size),
            `IN_ORDER was negotiated; the next of descriptor ${index} is ${next}.`,
          )
    },
  ),
  indirect(
    "R24",
    "Indirect descriptors only if negotiated, not in a table, and not with NEXT.",
    ({ descriptors }, device) => {
      for (const { flags, index, isIndirect } of descriptors) {
        if ((flags & DESCRIPTOR_INDIRECT) === 0) continue
        expect(
          device.hasSelected(0, FEATURE_INDIRECT_DESC),
          `Descriptor ${index} is indirect, which was not negotiated.`,
        )
        expect(!isIndirect, "An indirect table refers to another one.")
        expect((flags & DESCRIPTOR_NEXT) === 0, `Descriptor ${index} is indirect and has a next.`)
      }
    },
  ),
  availRing("R25", "The available index never goes back.", async (runs) => {
    for (const run of await runs.all())
      for (const device of run.bus.devices)
        for (const [at, { idx, queue }] of device.availIndexes.entries()) {
          // a queue that was set up anew is another one, and begins anew
          const before = device.availIndexes.slice(0, at).findLast((each) => each.queue === queue)
          const step = before === undefined ? 0 : (idx - before.idx) & 0xffff
          expect(step < 0x8000, `The available index went from ${before?.idx} to ${idx}.`)
        }
  }),
  usedSuppressionOfChains(
    "R26",
    "flags of the available ring are 0 or 1, and 0 with EVENT_IDX.",
    ({ availFlags }, device) => {
      const most = device.hasSelected(0, FEATURE_EVENT_IDX) ? 0 : 1
      expect(availFlags <= most, `flags of the available ring are ${hex(availFlags)}.`)
    },
  ),
  usedSuppression("R27", "A notification without a used buffer does no harm.", async (runs) => {
    const run = await runs.runAfterGood("spurious-used")
    expect(run.isDone, `Notifications without a used buffer kept the driver from its work. ${run.how}`)
  }),
  usedRing("R28", "Nothing is assumed about bytes behind the used length.", async (runs) => {
    const run = await runs.runAfterGood("short-used")
    expect(
      !run.isDone,
      "The device said that it wrote nothing, and the driver took what lay in the buffer for the answer.",
    )
    expect(!run.isKilled, run.how)
  }),
  availSuppression("R29", "The driver sets flags of a used ring to 0 when it allocates it.", async (runs) => {
    const flags = (await runs.all()).flatMap((run) =>
      run.bus.devices.flatMap((device) => device.usedFlagsAtStart),
    )
    if (flags.length === 0) skip("The driver enabled no queue.")
    const bad = flags.find((value) => value !== 0)
    expect(bad === undefined, `A queue was enabled with flags ${hex(bad ?? 0)} in its used ring.`)
  }),
  availSuppression("R30", "With flags 0 in the used ring the driver notifies.", async (runs) => {
    const run = await runs.run("plain")
    const { i2c } = run.bus
    if (i2c.chains.length === 0 && i2c.unnoticedAtEnd.length === 0)
      skip("The driver made no buffers available.")
    expect(
      i2c.unnoticedAtEnd.length === 0,
      "Buffers were made available, flags of the used ring are 0, and no EVENT_AVAIL came.",
    )
  }),
  availSuppression(
    "R31",
    "With flags 1 in the used ring the driver does not notify.",
    async (runs) => {
      const run = await runs.runAfterGood("no-notify")
      const events = run.messages(run.bus.i2c, ids.EVENT_AVAIL).length
      expect(events === 0, `flags of the used ring are 1, and the driver sent ${events} EVENT_AVAIL.`)
      expect(run.isDone, `The device polls, and the driver does not get on. ${run.how}`)
    },
    { level: "SHOULD" },
  ),
  availSuppression(
    "R32",
    "With EVENT_IDX the driver notifies when avail_event is passed, whatever flags say.",
    async (runs) => {
      const run = await runs.good("all-features")
      if (!run.bus.i2c.hasSelected(0, FEATURE_EVENT_IDX)) skip("The driver does not take VIRTIO_F_EVENT_IDX.")
      expect(
        run.messages(run.bus.i2c, ids.EVENT_AVAIL).length > 0,
        "avail_event 0 was passed, and no EVENT_AVAIL came.",
      )
    },
  ),
  supplying("R33", "A chain is complete before the available index shows it.", ({ descriptors, head }) =>
    expect(
      descriptors.every(
        ({ address, flags, lengthBytes }) => address !== 0n || (flags === 0 && lengthBytes === 0),
      ),
      `The chain at ${head} was shown before its descriptors were written.`,
    ),
  ),
]
