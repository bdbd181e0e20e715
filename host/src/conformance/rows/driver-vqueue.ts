// Rows of the driver about virtqueues and their notifications: D30 to D33, D46 to D59 (virtio-msg "Final Status", "Driver
// Notifications", "Device Notifications", "GET_VQUEUE", "SET_VQUEUE", "RESET_VQUEUE", "EVENT_AVAIL").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import {
  FEATURE_NOTIFICATION_DATA_BLOCK1,
  FEATURE_RING_RESET_BLOCK1,
} from "../../../../shared-protocol/src/device-types/feature-bits.js"
import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import {
  VQUEUE_ENABLE,
  VQUEUE_KEEP_DISABLED,
  VQUEUE_OPERATION_MASK,
} from "../../../../shared-protocol/src/messages/vqueue.js"
import { hex } from "../../hex.js"
import { type DriverRun, type DriverRuns, isTransport, word } from "../driver/driver-runs.js"
import type { ScriptedDevice } from "../driver/scripted-device.js"
import { driverAlways, driverMust, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"
import { enablings, expectNoIo, expectQueuesAskedAbout, secondReset } from "./driver-writes.js"

const getVqueue = driverMust("GET_VQUEUE")
const setVqueue = driverMust("SET_VQUEUE")
const setVqueueAlways = driverAlways("SET_VQUEUE")
const resetVqueueAlways = driverAlways("RESET_VQUEUE")
const finalStatus = driverMust("Final Status")
const driverNotifications = driverMust("Driver Notifications")
const deviceNotifications = driverMust("Device Notifications")
const eventAvail = driverMust("EVENT_AVAIL")
const eventAvailAlways = driverAlways("EVENT_AVAIL")

interface Setting {
  readonly run: DriverRun
  readonly device: ScriptedDevice
  readonly at: number
  readonly index: number
  readonly flags: number
  readonly size: number
  readonly reserved: number
  readonly addresses: readonly number[]
  /** The queue was enabled before, and has not been reset since. */
  readonly isEnabled: boolean
}

/** Every SET_VQUEUE of all runs, in order. */
async function settings(runs: DriverRuns): Promise<Setting[]> {
  const found: Setting[] = []
  for (const run of await runs.all())
    for (const device of run.bus.devices) {
      const enabled = new Set<number>()
      for (const [at, { direction, frame }] of run.transcript.entries()) {
        if (direction !== "in" || !isTransport(frame) || getU16(frame, 2) !== device.devNum) continue
        if (frame[1] === ids.SET_DEVICE_STATUS && word(frame, 0) === 0) enabled.clear()
        if (frame[1] === ids.RESET_VQUEUE) enabled.delete(word(frame, 0))
        if (frame[1] !== ids.SET_VQUEUE) continue
        const index = word(frame, 0)
        const flags = word(frame, 4)
        found.push({
          run,
          device,
          at,
          index,
          flags,
          size: word(frame, 8),
          reserved: word(frame, 12),
          addresses: [word(frame, 16), word(frame, 24), word(frame, 32)],
          isEnabled: enabled.has(index),
        })
        if ((flags & VQUEUE_OPERATION_MASK) === VQUEUE_ENABLE) enabled.add(index)
      }
    }
  if (found.length === 0) skip("The driver sent no SET_VQUEUE.")
  return found
}

function setting(id: string, requirement: string, check: (each: Setting) => void): Row {
  return setVqueueAlways(id, requirement, async (runs) => {
    for (const each of await settings(runs)) check(each)
  })
}

/** Every RESET_VQUEUE of all runs; skips the row for a driver that sends none. */
async function resets(runs: DriverRuns) {
  const found = await runs.messages(ids.RESET_VQUEUE)
  if (found.length === 0) skip("The driver sends no RESET_VQUEUE.")
  return found
}

const IGNORE_FIELDS = [8, 16, 32] as const
const ALIGNMENTS = [16, 2, 4] as const
const PARTS = ["descriptor table", "available ring", "used ring"] as const

export const DRIVER_VQUEUE_ROWS: readonly Row[] = [
  getVqueue(
    "D46",
    "GET_VQUEUE comes before configuration; largest size 0 means that the queue is not there.",
    async (runs) => {
      const run = await runs.good()
      for (const device of run.driven)
        for (const at of enablings(run, device)) {
          const index = run.wordAt(at, 0)
          const asked = run
            .places(device, ids.GET_VQUEUE)
            .some((before) => before < at && run.wordAt(before, 0) === index)
          expect(asked, `Queue ${index} of device ${device.devNum} was configured before GET_VQUEUE.`)
        }
      const without = await runs.run("no-queue")
      for (const device of without.bus.devices)
        expect(
          enablings(without, device).length === 0,
          "GET_VQUEUE said that there is no such queue, and the driver enabled it.",
        )
      const again = await runs.run("no-queue-again")
      const start = secondReset(again, again.bus.i2c)
      expect(
        enablings(again, again.bus.i2c).every((at) => at < start),
        "GET_VQUEUE said the second time that there is no such queue, and the driver enabled it.",
      )
    },
  ),
  getVqueue("D47", "A queue's size is at most the largest that GET_VQUEUE reports.", async (runs) => {
    const run = await runs.run("tiny-queue")
    for (const device of run.bus.devices)
      for (const frame of run.messages(device, ids.SET_VQUEUE))
        expect(word(frame, 8) <= 8, `The largest size is 8; the driver sets ${word(frame, 8)}.`)
  }),
  setting("D48", "SET_VQUEUE has reserved 0 and flags[31:6] 0.", ({ reserved, flags }) =>
    expect(
      reserved === 0 && flags >>> 6 === 0,
      `SET_VQUEUE has reserved ${hex(reserved)} and flags ${hex(flags)}.`,
    ),
  ),
  setting("D49", "State operation 3 is never used.", ({ flags }) =>
    expect((flags & VQUEUE_OPERATION_MASK) !== VQUEUE_OPERATION_MASK, "SET_VQUEUE has state operation 3."),
  ),
  setting(
    "D50",
    "State operation 0 is not used to disable an enabled queue.",
    ({ flags, isEnabled, index }) =>
      expect(
        !isEnabled || (flags & VQUEUE_OPERATION_MASK) !== VQUEUE_KEEP_DISABLED,
        `State operation 0 on queue ${index}, which is enabled.`,
      ),
  ),
  setting("D51", "A size that is set lies between 1 and the largest.", ({ flags, size, device, index }) => {
    const largest = device.shape.queueMaxSizes[index] ?? 0
    expect(
      (flags & 4) !== 0 || (size >= 1 && size <= largest),
      `SET_VQUEUE sets size ${size}; the largest is ${largest}.`,
    )
  }),
  setting(
    "D52",
    "Addresses that are set are aligned: table 16, available ring 2, used ring 4.",
    ({ flags, addresses }) => {
      for (const [part, ignore] of IGNORE_FIELDS.entries())
        expect(
          (flags & ignore) !== 0 || (addresses[part] as number) % (ALIGNMENTS[part] as number) === 0,
          `The ${PARTS[part]} is at ${hex(addresses[part] ?? 0)}, which is no multiple of ${ALIGNMENTS[part]}.`,
        )
    },
  ),
  setting("D53", "Size and addresses of an enabled queue are left alone.", ({ flags, isEnabled, index }) =>
    expect(
      !isEnabled || (flags & 0x3c) === 0x3c,
      `SET_VQUEUE sets fields of queue ${index}, which is enabled.`,
    ),
  ),
  setting(
    "D54",
    "To configure an enabled queue anew the driver resets it first (RESET_VQUEUE, or the device).",
    ({ isEnabled, flags, index }) =>
      expect(
        !isEnabled || (flags & 0x3c) === 0x3c,
        `Queue ${index} is enabled, and was configured anew without a reset.`,
      ),
  ),
  setVqueue("D55", "The driver asks by GET_VQUEUE whether SET_VQUEUE took.", async (runs) => {
    expectQueuesAskedAbout(await runs.good())
    const refused = await runs.run("queue-refused")
    expect(!refused.isDone, "SET_VQUEUE changed nothing, and the driver says that it did its work.")
    const again = await runs.run("queue-refused-again")
    expect(
      !again.isDone,
      "SET_VQUEUE changed nothing the second time, and the driver says that it did its work.",
    )
  }),
  resetVqueueAlways(
    "D56",
    "RESET_VQUEUE is sent only where VIRTIO_F_RING_RESET was negotiated.",
    async (runs) => {
      for (const { device } of await resets(runs))
        expect(
          device.hasSelected(1, FEATURE_RING_RESET_BLOCK1),
          "RESET_VQUEUE was sent without VIRTIO_F_RING_RESET.",
        )
    },
  ),
  resetVqueueAlways("D57", "RESET_VQUEUE is answered before SET_VQUEUE follows.", async (runs) => {
    for (const { run, device, at } of await resets(runs)) {
      const answered = run.placeOfResponse(at)
      const [next] = run.places(device, ids.SET_VQUEUE).filter((later) => later > at)
      expect(
        next === undefined || (answered >= 0 && next > answered),
        "SET_VQUEUE followed before RESET_VQUEUE was answered.",
      )
    }
  }),
  finalStatus("D30", "No buffers and no notifications for a queue that was not configured.", async (runs) => {
    const run = await runs.good()
    for (const device of run.driven) {
      const configured = enablings(run, device).map((at) => run.wordAt(at, 0))
      for (const frame of run.messages(device, ids.EVENT_AVAIL))
        expect(
          configured.includes(word(frame, 0)),
          `EVENT_AVAIL names queue ${word(frame, 0)}, which was never configured.`,
        )
    }
    const refused = await runs.run("queue-refused")
    for (const device of refused.bus.devices)
      expect(
        refused.messages(device, ids.EVENT_AVAIL).length === 0,
        "SET_VQUEUE changed nothing, and the driver sent EVENT_AVAIL.",
      )
    const again = await runs.run("queue-refused-again")
    const { i2c } = again.bus
    expectNoIo(again, i2c, "SET_VQUEUE changed nothing the second time", secondReset(again, i2c))
  }),
  driverNotifications(
    "D31",
    "The driver sends EVENT_AVAIL for buffers that it made available.",
    async (runs) => {
      const run = await runs.run("plain")
      const { i2c } = run.bus
      const [index] = i2c.unnoticedAtEnd
      expect(index === undefined, `Queue ${index} has buffers that were never notified.`)
      expect(run.messages(i2c, ids.EVENT_AVAIL).length > 0, `The driver sent no EVENT_AVAIL. ${run.how}`)
    },
  ),
  deviceNotifications("D32", "On EVENT_USED the driver looks into the queue that is named.", async (runs) => {
    const run = await runs.run("plain")
    if (run.firstEvent(ids.EVENT_USED) < 0) skip("The driver made nothing available.")
    expect(run.isDone, `Requests were completed and notified, and the driver did not notice. ${run.how}`)
  }),
  deviceNotifications("D33", "With polling only, the driver does not need EVENT_USED.", async (runs) => {
    const run = await runs.runAfterGood("polling")
    if (run.driven.length === 0) skip("The driver takes no bus without notifications.")
    expect(run.isDone, `Without EVENT_USED, on a bus that has none, the driver does not go on. ${run.how}`)
  }),
  eventAvail("D58", "EVENT_AVAIL names the queue that has the buffers.", async (runs) => {
    const run = await runs.good()
    for (const device of run.driven) {
      const named = new Set(run.messages(device, ids.EVENT_AVAIL).map((frame) => word(frame, 0)))
      for (const index of named)
        expect(
          device.chains.some(({ queueIndex }) => queueIndex === index),
          `EVENT_AVAIL names queue ${index} of device ${device.devNum}, where nothing is available.`,
        )
    }
  }),
  eventAvailAlways("D59", "next_offset is 0 without VIRTIO_F_NOTIFICATION_DATA.", async (runs) => {
    for (const { device, frame } of await runs.messages(ids.EVENT_AVAIL))
      expect(
        word(frame, 4) === 0 || device.hasSelected(1, FEATURE_NOTIFICATION_DATA_BLOCK1),
        `EVENT_AVAIL has next_offset ${hex(word(frame, 4))}.`,
      )
  }),
]
