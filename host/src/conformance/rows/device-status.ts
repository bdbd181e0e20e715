// Rows of the device about its status, reset and notifications: V11 to V13, V20, V33 to V35, V49 to V52
// (virtio-msg "GET_DEVICE_STATUS", "SET_DEVICE_STATUS", "Final Status", "Device Notifications").

import { decodeEventConfig } from "../../../../shared-protocol/src/messages/events.js"
import { EVENT_CONFIG, EVENT_USED } from "../../../../shared-protocol/src/messages/ids.js"
import {
  STATUS_ACKNOWLEDGE,
  STATUS_DEVICE_NEEDS_RESET,
  STATUS_FEATURES_OK,
} from "../../../../shared-protocol/src/messages/status.js"
import { VQUEUE_ENABLED } from "../../../../shared-protocol/src/messages/vqueue.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import { type DeviceBench, UP_TO_DRIVER, UP_TO_DRIVER_OK } from "../device-bench.js"
import * as frames from "../frames.js"
import { deviceMust, deviceShould, permission, type Row } from "../row.js"
import { blocked, expect, skip } from "../verdict.js"

const profiles = deviceMust("Config Profiles")
const errors = deviceMust("Error Handling")
const finalStatus = deviceMust("Final Status")
const deviceNotifications = deviceMust("Device Notifications")
const getDeviceStatus = deviceMust("GET_DEVICE_STATUS")
const setDeviceStatus = deviceMust("SET_DEVICE_STATUS")
const errorsShould = deviceShould("Error Handling")

/** How long a device that must do nothing is watched. */
const WATCH_MS = 60

/**
 * Makes the available index jump, which no driver may do. Returns what the device says then: its EVENT_CONFIG messages
 * and its status.
 */
async function breakRing(bench: DeviceBench) {
  const { queue } = await bench.start()
  const mark = bench.conversation.mark()
  queue.publish(queue.size + 100)
  bench.conversation.post(frames.eventAvail(bench.devNum, queue.index))
  const events = () => bench.conversation.eventsSince(mark, EVENT_CONFIG, bench.devNum)
  await bench.conversation.waitUntil(() => events().length > 0, 200)
  await bench.conversation.sentinel()
  const status = await bench.getStatus()
  return { events: events(), status }
}

export const DEVICE_STATUS_ROWS: readonly Row[] = [
  profiles(
    "V11",
    "An EVENT_CONFIG about the status reports a change that the device itself made.",
    async (bench) => {
      const { events, status } = await breakRing(bench)
      if (events.length === 0)
        skip("The device changed no status by itself, not even for a ring that makes no sense.")
      for (const frame of events) {
        const event = decodeEventConfig(frame)
        if (!event.ok) blocked(`EVENT_CONFIG is malformed: ${event.reason}.`)
        expect(
          event.value.length > 0 || event.value.deviceStatus !== UP_TO_DRIVER_OK,
          `EVENT_CONFIG reports status ${hex(event.value.deviceStatus)}, which is no change.`,
        )
        expect(
          event.value.deviceStatus === status,
          `EVENT_CONFIG reports status ${hex(event.value.deviceStatus)}, GET_DEVICE_STATUS ${hex(status)}.`,
        )
      }
    },
  ),
  profiles("V12", "A status that the driver wrote causes no EVENT_CONFIG.", async (bench) => {
    const mark = bench.conversation.mark()
    await bench.negotiate()
    await bench.setStatus(UP_TO_DRIVER_OK)
    await bench.conversation.sentinel()
    await bench.reset()
    await bench.conversation.sentinel()
    const events = bench.conversation.eventsSince(mark, EVENT_CONFIG, bench.devNum)
    expect(events.length === 0, `${events.length} EVENT_CONFIG came while the driver wrote the status.`)
  }),
  profiles("V13", "An EVENT_CONFIG about the status alone has offset and length 0.", async (bench) => {
    const { events } = await breakRing(bench)
    const event = events.map((frame) => decodeEventConfig(frame)).find((decoded) => decoded.ok)
    if (!event?.ok) skip("The device changed no status by itself, not even for a ring that makes no sense.")
    const { offset, length } = event.value
    expect(
      offset === 0 && length === 0,
      `EVENT_CONFIG names ${counted(length, "byte")} at ${offset}; only the status changed.`,
    )
  }),
  errors("V20", "A device recovers by reset, whatever happened before.", async (bench) => {
    await breakRing(bench)
    await bench.conversation.answersTo([frames.rawFrame(0, 0x3d, bench.devNum), Uint8Array.of(0, 2, 3)])
    await bench.reset()
    const { queue, workload } = await bench.start()
    queue.submit(workload.request(0))
    expect(await queue.completed(1), "After a fault and a reset the device completes nothing.")
  }),
  finalStatus("V33", "No virtqueue is served before DRIVER_OK.", async (bench) => {
    const workload = bench.needWorkload()
    const queue = await bench.prepare()
    queue.submit(workload.request(0))
    await bench.conversation.waitUntil(() => queue.usedIdx !== 0, WATCH_MS)
    await bench.conversation.sentinel()
    expect(queue.usedIdx === 0, "A request was served before DRIVER_OK.")
  }),
  finalStatus("V34", "Virtqueues are served once DRIVER_OK is set.", async (bench) => {
    const { queue, workload } = await bench.start()
    queue.submit(workload.request(0))
    expect(
      await queue.completed(1),
      "DRIVER_OK is set, a request is available and notified, and nothing happens.",
    )
  }),
  deviceNotifications("V35", "Used buffers are notified by EVENT_USED.", async (bench) => {
    bench.needNotifications()
    const { queue, workload } = await bench.start()
    const mark = bench.conversation.mark()
    queue.submit(workload.request(0))
    if (!(await queue.completed(1))) blocked("The device does not complete the request.")
    const events = () => bench.conversation.eventsSince(mark, EVENT_USED, bench.devNum)
    const isNotified = await bench.conversation.waitUntil(() => events().length > 0)
    expect(isNotified, "A request was completed without an EVENT_USED.")
    const index = events()[0]?.subarray(8, 12).join()
    expect(
      index === frames.words(queue.index).join(),
      `EVENT_USED names queue ${index}, used was ${queue.index}.`,
    )
  }),
  getDeviceStatus(
    "V49",
    "GET_DEVICE_STATUS reports the status as it is, FEATURES_OK and NEEDS_RESET included.",
    async (bench) => {
      await bench.reset()
      expect((await bench.getStatus()) === 0, "After a reset the status is not 0.")
      await bench.setStatus(STATUS_ACKNOWLEDGE)
      expect((await bench.getStatus()) === STATUS_ACKNOWLEDGE, "ACKNOWLEDGE was written, and does not show.")
      await bench.negotiate()
      const status = await bench.getStatus()
      expect(
        (status & STATUS_FEATURES_OK) !== 0,
        `FEATURES_OK was confirmed, and does not show: ${hex(status)}.`,
      )
      if (!bench.workload) return
      const { events, status: after } = await breakRing(bench)
      if (events.some((frame) => ((frame[8] as number) & STATUS_DEVICE_NEEDS_RESET) !== 0))
        expect(
          (after & STATUS_DEVICE_NEEDS_RESET) !== 0,
          "DEVICE_NEEDS_RESET was notified, and does not show.",
        )
    },
  ),
  setDeviceStatus("V50", "SET_DEVICE_STATUS answers with the status that results.", async (bench) => {
    await bench.reset()
    const statuses = [STATUS_ACKNOWLEDGE, UP_TO_DRIVER]
    for (const status of statuses) {
      const answered = await bench.setStatus(status)
      expect(answered === status, `Status ${hex(status)} was written, ${hex(answered)} answered.`)
    }
    const read = await bench.getStatus()
    expect(
      read === statuses[1],
      `SET_DEVICE_STATUS answered ${hex(statuses[1] ?? 0)}, GET_DEVICE_STATUS ${hex(read)}.`,
    )
  }),
  setDeviceStatus("V51", "Status 0 starts a reset, which ends: the device then reports 0.", async (bench) => {
    await bench.negotiate()
    const status = await bench.setStatus(0)
    if (status === 0) return
    const isReset = async () => (await bench.getStatus()) === 0
    for (let polls = 0; polls < 200; polls++) {
      if (await isReset()) return
      await bench.conversation.waitUntil(() => false, 20)
    }
    expect(false, "4 s after status 0 was written the device does not report it.")
  }),
  setDeviceStatus("V52", "Status 0 is not reported before the reset is complete.", async (bench) => {
    const { queue, workload } = await bench.start()
    queue.submit(workload.request(0))
    if (!(await queue.completed(1))) blocked("The device does not complete the request.")
    await bench.reset()
    const state = await bench.getVqueue(queue.index)
    expect(
      state.curSize === 0 && (state.flags & VQUEUE_ENABLED) === 0,
      `Status 0 is reported, but queue ${queue.index} is still there: size ${state.curSize}, flags ${hex(state.flags)}.`,
    )
    queue.submit(workload.request(1))
    await bench.conversation.waitUntil(() => queue.usedIdx !== 1, WATCH_MS)
    expect(queue.usedIdx === 1, "Status 0 is reported, but the device still serves a queue.")
  }),
  errorsShould("V-S1", "A device that cannot go on sets DEVICE_NEEDS_RESET.", async (bench) => {
    const { status } = await breakRing(bench)
    expect(
      (status & STATUS_DEVICE_NEEDS_RESET) !== 0,
      `The available ring makes no sense; the status is ${hex(status)}.`,
    )
  }),
  permission(
    "V-S2",
    "device",
    "Config Profiles",
    "An EVENT_CONFIG of offset and length 0 may stand for any change.",
  ),
  permission(
    "V-S3",
    "device",
    "Config Profiles",
    "An EVENT_CONFIG may leave its data out when they do not fit.",
  ),
]
