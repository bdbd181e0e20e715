// Rows of the driver about initialisation, status and reset: D19 to D23, D27 to D29, D43 to D45, D-S3
// (virtio-msg "Initialization", "Feature Negotiation", "Final Status", "GET_DEVICE_STATUS", "SET_DEVICE_STATUS").

import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import {
  STATUS_DRIVER_OK,
  STATUS_FAILED,
  STATUS_FEATURES_OK,
} from "../../../../shared-protocol/src/messages/status.js"
import { hex } from "../../hex.js"
import { driverMust, driverShould, type Row } from "../row.js"
import { expect } from "../verdict.js"
import {
  enablings,
  expectNoIo,
  expectQueuesAskedAbout,
  firstWrite,
  secondReset,
  statusWrites,
} from "./driver-writes.js"

const init = driverMust("Initialization")
const negotiation = driverMust("Feature Negotiation")
const finalStatus = driverMust("Final Status")
const getDeviceStatus = driverMust("GET_DEVICE_STATUS")
const setDeviceStatus = driverMust("SET_DEVICE_STATUS")
const deviceStatus = driverShould("Device Status")

export const DRIVER_STATUS_ROWS: readonly Row[] = [
  init(
    "D19",
    "After GET_DEVICE_INFO the status goes from reset over ACKNOWLEDGE, DRIVER and FEATURES_OK to DRIVER_OK.",
    async (runs) => {
      const run = await runs.good()
      for (const device of run.driven) {
        const written = statusWrites(run, device).map(({ status }) => status)
        expect(
          written[0] === 0,
          `The first status written to device ${device.devNum} is ${hex(written[0] ?? 0)}, not 0.`,
        )
        const life = written.slice(written.lastIndexOf(0) + 1)
        let before = 0
        const order = [1, 2, 8, 4]
        for (const status of life) {
          expect((before & ~status) === 0, `Status ${hex(status)} takes bits back that ${hex(before)} had.`)
          for (const bit of order.filter((each) => (status & each) !== 0 && (before & each) === 0))
            expect(
              order.slice(0, order.indexOf(bit)).every((each) => (status & each) !== 0),
              `Status ${hex(status)} has bit ${hex(bit)} before the bits that come first.`,
            )
          before = status
        }
        expect((before & STATUS_DRIVER_OK) !== 0, `Device ${device.devNum} was never brought to DRIVER_OK.`)
      }
    },
  ),
  init("D20", "GET_DEVICE_INFO comes before feature negotiation and queue setup.", async (runs) => {
    const run = await runs.good()
    for (const device of run.driven) {
      const [info = Number.MAX_SAFE_INTEGER] = run.places(device, ids.GET_DEVICE_INFO)
      const later = [ids.GET_DEVICE_FEATURES, ids.SET_DRIVER_FEATURES, ids.SET_VQUEUE].flatMap((id) =>
        run.places(device, id),
      )
      expect(
        later.every((at) => at > info),
        `Device ${device.devNum} was negotiated with before GET_DEVICE_INFO.`,
      )
    }
    const other = await runs.run("another-device")
    const { change, i2c } = other.bus
    if (!change) return
    const askedAgain = other.places(i2c, ids.GET_DEVICE_INFO).find((at) => at > change.at)
    expect(
      [ids.SET_DRIVER_FEATURES, ids.SET_VQUEUE]
        .flatMap((id) => other.places(i2c, id))
        .every((at) => at < change.at || at > (askedAgain ?? Number.MAX_SAFE_INTEGER)),
      `The bus ended and is back; device ${i2c.devNum} was negotiated with before GET_DEVICE_INFO was sent again.`,
    )
    expect(
      !i2c.chains.some(({ at, readable }) => at > secondReset(other, i2c) && readable.length > 0),
      `Device ${i2c.devNum} is an entropy device by now, and was sent an I2C request.`,
    )
    expect(!other.isDone, "The I2C device is another one by now, and the driver says that it did its work.")
  }),
  init(
    "D21",
    "Features are negotiated and FEATURES_OK is confirmed before a queue is enabled.",
    async (runs) => {
      const run = await runs.good()
      for (const device of run.driven) {
        const confirmed = run.placeOfResponse(firstWrite(run, device, STATUS_FEATURES_OK))
        for (const at of enablings(run, device))
          expect(
            confirmed >= 0 && at > confirmed,
            `A queue of device ${device.devNum} was enabled before FEATURES_OK was confirmed.`,
          )
      }
    },
  ),
  init(
    "D22",
    "A queue is configured by SET_VQUEUE and confirmed before the driver counts on it.",
    async (runs) => {
      expectQueuesAskedAbout(await runs.good())
    },
  ),
  init("D23", "The status is driven by SET_DEVICE_STATUS, and DRIVER_OK comes before I/O.", async (runs) => {
    const run = await runs.good()
    for (const device of run.driven) {
      const live = firstWrite(run, device, STATUS_DRIVER_OK)
      for (const at of run.places(device, ids.EVENT_AVAIL))
        expect(live >= 0 && at > live, `Device ${device.devNum} was notified before DRIVER_OK was written.`)
    }
  }),
  negotiation(
    "D27",
    "The driver asks for FEATURES_OK and looks at the status that is answered.",
    async (runs) => {
      const plain = await runs.good()
      expect(firstWrite(plain, plain.bus.i2c, STATUS_FEATURES_OK) >= 0, "The driver never wrote FEATURES_OK.")
      const run = await runs.run("refused-features")
      expect(!run.isDone, "The device refused the features, and the driver says that it did its work.")
      expect(
        firstWrite(run, run.bus.i2c, STATUS_DRIVER_OK) < 0,
        "FEATURES_OK was refused, and the driver went on to DRIVER_OK.",
      )
      const again = await runs.run("refused-features-again")
      const { i2c } = again.bus
      const start = secondReset(again, i2c)
      expect(!again.isDone, "The device refused the features, and the driver says that it did its work.")
      expect(
        enablings(again, i2c).every((at) => at < start) &&
          statusWrites(again, i2c).every(({ at, status }) => at < start || (status & STATUS_DRIVER_OK) === 0),
        "FEATURES_OK was refused the second time, and the driver went on to queues and DRIVER_OK.",
      )
    },
  ),
  finalStatus(
    "D28",
    "DRIVER_OK is written only after negotiation, with the queues that are needed.",
    async (runs) => {
      const run = await runs.good()
      for (const device of run.driven) {
        const live = firstWrite(run, device, STATUS_DRIVER_OK)
        const confirmed = run.placeOfResponse(firstWrite(run, device, STATUS_FEATURES_OK))
        expect(
          live > confirmed && confirmed >= 0,
          `DRIVER_OK was written to device ${device.devNum} before FEATURES_OK was confirmed.`,
        )
        for (const at of enablings(run, device))
          expect(at < live, `A queue of device ${device.devNum} was enabled after DRIVER_OK.`)
      }
      const without = await runs.run("no-queue")
      expect(
        firstWrite(without, without.bus.i2c, STATUS_DRIVER_OK) < 0,
        "The only queue is not available, and the driver went on to DRIVER_OK.",
      )
      const again = await runs.run("no-queue-again")
      const start = secondReset(again, again.bus.i2c)
      expect(
        statusWrites(again, again.bus.i2c).every(
          ({ at, status }) => at < start || (status & STATUS_DRIVER_OK) === 0,
        ),
        "The only queue was not available the second time, and the driver went on to DRIVER_OK.",
      )
    },
  ),
  finalStatus("D29", "No I/O before the device reports DRIVER_OK.", async (runs) => {
    const run = await runs.runAfterGood("no-driver-ok")
    expectNoIo(run, run.bus.i2c, "the device never reported DRIVER_OK")
    expect(!run.isDone, "The device never reported DRIVER_OK, and the driver says that it did its work.")
    const again = await runs.run("no-driver-ok-again")
    const { i2c } = again.bus
    expectNoIo(again, i2c, "the device did not report DRIVER_OK again", secondReset(again, i2c))
    expect(
      !again.isDone,
      "The device did not report DRIVER_OK again, and the driver says that it did its work.",
    )
  }),
  getDeviceStatus(
    "D43",
    "While a reset takes its time the driver polls GET_DEVICE_STATUS until it reads 0.",
    async (runs) => {
      const run = await runs.runAfterGood("slow-reset")
      expect(run.isDone, `A reset that takes 5 polls kept the driver from its work. ${run.how}`)
      const polls = run.places(run.bus.i2c, ids.GET_DEVICE_STATUS).length
      expect(polls >= 5, `The reset took 5 polls; the driver polled ${polls} times.`)
    },
  ),
  setDeviceStatus("D44", "The driver writes status 0 to reset a device.", async (runs) => {
    const run = await runs.good()
    for (const device of run.driven)
      expect(statusWrites(run, device)[0]?.status === 0, `Device ${device.devNum} was used without a reset.`)
  }),
  setDeviceStatus(
    "D45",
    "A reset is complete when status 0 is answered; until then nothing else is asked of the device.",
    async (runs) => {
      const run = await runs.runAfterGood("slow-reset")
      const { i2c } = run.bus
      const [asked = -1] = run.places(i2c, ids.SET_DEVICE_STATUS)
      const isZero = (at: number) => {
        const answered = run.placeOfResponse(at)
        return answered >= 0 && run.wordAt(answered, 0) === 0
      }
      const done =
        run.places(i2c, ids.GET_DEVICE_STATUS).find((at) => at > asked && isZero(at)) ??
        Number.MAX_SAFE_INTEGER
      const early = statusWrites(run, i2c).find(({ at }) => at > asked && at < done)
      expect(
        early === undefined,
        `Status ${hex(early?.status ?? 0)} was written before the reset was complete.`,
      )
      const again = await runs.run("endless-reset-again")
      const start = secondReset(again, again.bus.i2c)
      const tooEarly = statusWrites(again, again.bus.i2c).find(
        ({ at, status }) => at > start && status !== 0 && (status & STATUS_FAILED) === 0,
      )
      expect(
        tooEarly === undefined,
        `Status ${hex(tooEarly?.status ?? 0)} was written, and the second reset was never complete.`,
      )
      expect(
        [ids.SET_DRIVER_FEATURES, ids.SET_VQUEUE].every((id) =>
          again.places(again.bus.i2c, id).every((at) => at < start),
        ),
        "The device was set up again before its second reset was complete.",
      )
    },
  ),
  deviceStatus(
    "D-S3",
    "DEVICE_NEEDS_RESET is answered by a reset and a new initialisation.",
    async (runs) => {
      const run = await runs.runAfterGood("needs-reset")
      const asked = run.firstEvent(ids.EVENT_CONFIG)
      const after = statusWrites(run, run.bus.i2c).filter(({ at }) => at > asked)
      expect(after[0]?.status === 0, "The device asked for a reset and was not reset.")
      expect(run.isDone, `After a reset the device works again, the driver does not. ${run.how}`)
    },
  ),
]
