// Rows of the driver about what it makes of a device's information and features: D24 to D26, D35 to D39 (virtio-msg
// "Device Information", "GET_DEVICE_INFO", "Feature Negotiation", "GET_DEVICE_FEATURES", "SET_DRIVER_FEATURES").

import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import { hex } from "../../hex.js"
import { type DriverRun, word } from "../driver/driver-runs.js"
import type { ScriptedDevice } from "../driver/scripted-device.js"
import { driverAlways, driverMust, type Row } from "../row.js"
import { blocked, expect } from "../verdict.js"

const negotiation = driverMust("Feature Negotiation")
const getDeviceFeatures = driverMust("GET_DEVICE_FEATURES")
const setDriverFeatures = driverMust("SET_DRIVER_FEATURES")
const informationAlways = driverAlways("Device Information")
const deviceInfo = driverMust("GET_DEVICE_INFO")
const deviceInfoAlways = driverAlways("GET_DEVICE_INFO")

/** VIRTIO_F_NOTIF_CONFIG_DATA, bit 39, in its block. */
const NOTIF_CONFIG_DATA = 0x80

/** Bits that no device type and no transport defines: of virtio-i2c 1 to 23, and 42 and up. */
const UNDEFINED_I2C_BITS = [0x00fffffe, 0xfffffc00, 0xffffffff]

/** What the driver selected: the blocks that it had written by the time of FEATURES_OK. */
function selection(run: DriverRun, device: ScriptedDevice): number[] {
  const selected: number[] = []
  for (const frame of run.messages(device, ids.SET_DRIVER_FEATURES))
    for (let n = 0; n < Math.min(64, word(frame, 4)); n++)
      selected[word(frame, 0) + n] = word(frame, 8 + 4 * n)
  return Array.from(selected, (bits) => bits ?? 0)
}

export const DRIVER_NEGOTIATION_ROWS: readonly Row[] = [
  negotiation(
    "D25",
    "Features are discovered by GET_DEVICE_FEATURES, and only offered ones selected.",
    async (runs) => {
      const run = await runs.good()
      for (const device of run.driven) {
        const [asked = Number.MAX_SAFE_INTEGER] = run.places(device, ids.GET_DEVICE_FEATURES)
        for (const at of run.places(device, ids.SET_DRIVER_FEATURES))
          expect(at > asked, `Features of device ${device.devNum} were selected before they were asked for.`)
        for (const [block, bits] of selection(run, device).entries()) {
          const absent = (bits & ~(device.shape.offered[block] ?? 0)) >>> 0
          expect(
            absent === 0,
            `Of device ${device.devNum}, bits ${hex(absent)} of block ${block} were selected and not offered.`,
          )
        }
      }
      const again = await runs.run("fewer-features-again")
      const { change, i2c } = again.bus
      for (const at of again.places(i2c, ids.SET_DRIVER_FEATURES)) {
        if (!change || at < change.at) continue
        for (let n = 0; n < Math.min(64, again.wordAt(at, 4)); n++) {
          const block = again.wordAt(at, 0) + n
          const absent = (again.wordAt(at, 8 + 4 * n) & ~(i2c.shape.offered[block] ?? 0)) >>> 0
          expect(
            absent === 0,
            `Bits ${hex(absent)} of block ${block} were selected again, and not offered any more.`,
          )
        }
      }
    },
  ),
  negotiation("D26", "VIRTIO_F_NOTIF_CONFIG_DATA (bit 39) is never selected.", async (runs) => {
    const run = await runs.good("all-features")
    for (const device of run.driven)
      expect(
        ((selection(run, device)[1] ?? 0) & NOTIF_CONFIG_DATA) === 0,
        `Bit 39 of device ${device.devNum} was selected.`,
      )
  }),
  getDeviceFeatures(
    "D38",
    "Features are blocks of 32 bits from the one asked for on, 0 behind those that exist.",
    async (runs) => {
      const run = await runs.runAfterGood("small-messages")
      expect(
        run.isDone,
        `20 feature blocks in messages of 52 bytes kept the driver from its work. ${run.how}`,
      )
      for (const frame of run.messages(run.bus.i2c, ids.GET_DEVICE_FEATURES))
        expect(
          word(frame, 4) <= 9,
          `${word(frame, 4)} feature blocks were asked for; 9 fit a message of 52 bytes.`,
        )
    },
  ),
  setDriverFeatures("D39", "Only feature bits that the driver means are selected.", async (runs) => {
    const run = await runs.good("all-features")
    for (const [block, bits] of selection(run, run.bus.i2c).entries()) {
      const unmeant = (bits & (UNDEFINED_I2C_BITS[block] ?? 0xffffffff)) >>> 0
      expect(
        unmeant === 0,
        `Bits ${hex(unmeant)} of block ${block} were selected: nobody has given them a meaning.`,
      )
    }
  }),
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
