// Rows of the driver about what it makes of a device's information: D24, D35 to D37
// (virtio-msg "Device Information", "GET_DEVICE_INFO").

import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import { word } from "../driver/driver-runs.js"
import { driverAlways, driverMust, type Row } from "../row.js"
import { blocked, expect } from "../verdict.js"

const informationAlways = driverAlways("Device Information")
const deviceInfo = driverMust("GET_DEVICE_INFO")
const deviceInfoAlways = driverAlways("GET_DEVICE_INFO")

export const DRIVER_DEVICE_INFO_ROWS: readonly Row[] = [
  informationAlways("D24", "config_size bounds what is read and written.", async (runs) => {
    for (const run of await runs.all())
      for (const device of run.bus.devices) {
        const size = device.shape.lies.configSize ?? device.shape.config.length
        for (const [id, at] of [
          [ids.GET_CONFIG, 0],
          [ids.SET_CONFIG, 4],
        ] as const)
          for (const frame of run.messages(device, id))
            expect(
              word(frame, at) + word(frame, at + 4) <= size,
              `Bytes ${word(frame, at)} to ${word(frame, at) + word(frame, at + 4)} of a configuration of ${size} were asked for.`,
            )
      }
  }),
  deviceInfoAlways(
    "D35",
    "admin_vq_count 0 means that there are no administration virtqueues.",
    async (runs) => {
      for (const { device, frame } of await runs.messages(ids.SET_VQUEUE)) {
        const most = device.shape.lies.maxVirtqueues ?? device.shape.queueMaxSizes.length
        expect(
          word(frame, 0) < most,
          `Queue ${word(frame, 0)} of device ${device.devNum} was configured; it has ${most}.`,
        )
      }
    },
  ),
  deviceInfo("D36", "The administration virtqueues are among max_virtqueues.", async (runs) => {
    const run = await runs.runAfterGood("admin-queues")
    expect(run.isDone, `A device with administration virtqueues kept the driver from its work. ${run.how}`)
    for (const frame of run.messages(run.bus.i2c, ids.SET_VQUEUE))
      expect(
        word(frame, 0) < 3,
        `Queue ${word(frame, 0)} was configured; the device has 3 with its administration virtqueues.`,
      )
  }),
  deviceInfo("D37", "The nil UUID means that the device has none.", async (runs) => {
    const [nil, named] = [await runs.run("plain"), await runs.run("uuid")]
    if (!nil.isDone && !named.isDone)
      blocked(`The driver does its work neither with a UUID nor without. ${nil.how}`)
    expect(nil.isDone, `Devices with the nil UUID kept the driver from its work. ${nil.how}`)
    expect(named.isDone, `Devices with a UUID kept the driver from its work. ${named.how}`)
  }),
]
