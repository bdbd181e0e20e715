// Rows of the bus about devices that come and go: B33, B34, B51 to B53, B-S3
// (virtio-msg "Hotplug", "EVENT_DEVICE", "Device Number Assignment").

import { DEVICE_ADDED, DEVICE_REMOVED } from "../../../../shared-protocol/src/messages/bus.js"
import { EVENT_AVAIL, EVENT_DEVICE } from "../../../../shared-protocol/src/messages/ids.js"
import type { DeviceBench } from "../device-bench.js"
import type { PlugEvent } from "../hotplug.js"
import { busAlways, busRows, busShould, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"
import { walk } from "./bus-requests.js"
import { exercise } from "./exercise.js"

const hotplugRows = busRows("Hotplug")
const hotplugAlways = busAlways("Hotplug")
const numberingShould = busShould("Device Number Assignment")
const eventDeviceAlways = busAlways("EVENT_DEVICE")

/** A message that was sent so soon after another one came may already have been on its way. */
const CROSSING_MS = 50

/** What came and went during the run. Skips the row if nothing did. */
async function plugEvents(bench: DeviceBench, busState?: number): Promise<readonly PlugEvent[]> {
  await exercise(bench)
  const events = await bench.hotplug.observe()
  if (events.length === 0)
    skip("No device came or went (EVENT_DEVICE) during the run. --hotplug COMMAND has one come or go.")
  const wanted = events.filter((event) => busState === undefined || event.busState === busState)
  if (wanted.length === 0)
    skip(`No device was ${busState === DEVICE_ADDED ? "added" : "removed"} during the run.`)
  return wanted
}

export const BUS_HOTPLUG_ROWS: readonly Row[] = [
  hotplugAlways(
    "B33",
    "A bus that uses EVENT_DEVICE says ADDED when a device becomes accessible, REMOVED when it is gone.",
    async (bench) => {
      for (const event of await plugEvents(bench))
        expect(
          event.busState === DEVICE_ADDED || event.busState === DEVICE_REMOVED || event.busState >= 0x8000,
          `EVENT_DEVICE reports reserved state ${event.busState} of device ${event.deviceNumber}.`,
        )
    },
  ),
  hotplugRows(
    "B34",
    "Whatever the mechanism, a new number is exposed, and the driver side hears of a removal.",
    {
      isPassive: true,
      async device(bench) {
        await exercise(bench)
        const known = new Set(bench.deviceNumbers)
        for (const { busState, deviceNumber } of await plugEvents(bench)) {
          if (busState === DEVICE_ADDED) known.add(deviceNumber)
          if (busState === DEVICE_REMOVED) known.delete(deviceNumber)
        }
        const found = (await walk(bench, 304)).sort((a, b) => a - b)
        const expected = [...known].sort((a, b) => a - b)
        expect(
          found.join() === expected.join(),
          `By the events the devices are ${expected.join(", ")}, by GET_DEVICES ${found.join(", ")}.`,
        )
      },
      async driver(runs) {
        const run = await runs.runAfterGood("removed")
        const gone = run.firstEvent(EVENT_DEVICE)
        if (gone < 0) skip("The driver made nothing available.")
        expect(!run.isKilled, `The device was removed in the middle of a request. ${run.how}`)
        expect(
          !run.isDone,
          "The device was removed before it had answered, and the driver says that it did its work.",
        )
        // a message that was sent before the removal was known does not count
        const knownMs = (run.transcript[gone]?.atMs ?? 0) + CROSSING_MS
        const later = run
          .places(run.bus.i2c, EVENT_AVAIL)
          .filter((at) => at > gone && (run.transcript[at]?.atMs ?? 0) > knownMs)
        expect(later.length === 0, "The device was removed, and still notified of buffers.")
      },
    },
  ),
  eventDeviceAlways(
    "B51",
    "EVENT_DEVICE names a number that is valid and exposed to the driver side.",
    async (bench) => {
      const exposed = new Set(bench.deviceNumbers)
      for (const { busState, deviceNumber } of await plugEvents(bench)) {
        if (busState === DEVICE_ADDED) exposed.add(deviceNumber)
        expect(exposed.has(deviceNumber), `EVENT_DEVICE names ${deviceNumber}, which is no device.`)
        if (busState === DEVICE_REMOVED) exposed.delete(deviceNumber)
      }
    },
  ),
  eventDeviceAlways("B52", "ADDED is sent only when the device takes transport messages.", async (bench) => {
    for (const { deviceNumber, isAnswering } of await plugEvents(bench, DEVICE_ADDED))
      expect(isAnswering !== false, `Device ${deviceNumber} was added, but answers no GET_DEVICE_INFO.`)
  }),
  eventDeviceAlways("B53", "REMOVED is sent when the device is no longer available.", async (bench) => {
    for (const { deviceNumber, isAnswering } of await plugEvents(bench, DEVICE_REMOVED))
      expect(isAnswering !== true, `Device ${deviceNumber} was removed, but answers GET_DEVICE_INFO.`)
  }),
  numberingShould(
    "B-S3",
    "A device number is not used again right after its device went.",
    async (bench) => {
      const events = await plugEvents(bench)
      for (const [at, { busState, deviceNumber }] of events.entries()) {
        const before = events.slice(0, at).findLast((event) => event.busState !== busState)
        const isReused = busState === DEVICE_ADDED && before?.deviceNumber === deviceNumber
        expect(!isReused, `Number ${deviceNumber} was removed and given to the next device.`)
      }
    },
    { isPassive: true },
  ),
]
