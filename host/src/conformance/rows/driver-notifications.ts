// Rows of the driver about notifications: D30 to D33, D58, D59
// (virtio-msg "Final Status", "Driver Notifications", "Device Notifications", "EVENT_AVAIL").

import { FEATURE_NOTIFICATION_DATA_BLOCK1 } from "../../../../shared-protocol/src/device-types/feature-bits.js"
import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import { hex } from "../../hex.js"
import { word } from "../driver/driver-runs.js"
import { driverAlways, driverMust, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"
import { enablings, expectNoIo, secondReset } from "./driver-writes.js"

const finalStatus = driverMust("Final Status")
const driverNotifications = driverMust("Driver Notifications")
const deviceNotifications = driverMust("Device Notifications")
const eventAvail = driverMust("EVENT_AVAIL")
const eventAvailAlways = driverAlways("EVENT_AVAIL")

export const DRIVER_NOTIFICATION_ROWS: readonly Row[] = [
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
