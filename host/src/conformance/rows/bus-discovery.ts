// Rows of the bus about finding devices: GET_DEVICES, EVENT_DEVICE, device numbers
// (virtio-msg "Device Number Assignment", "Device Discovery", "GET_DEVICES", "EVENT_DEVICE").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import {
  DEVICE_ADDED,
  DEVICE_REMOVED,
  type DeviceBitmap,
  decodeGetDevicesResponse,
  GET_DEVICES_BASE_SIZE,
} from "../../../../shared-protocol/src/messages/bus.js"
import { EVENT_AVAIL, EVENT_DEVICE } from "../../../../shared-protocol/src/messages/ids.js"
import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import type { PlugEvent } from "../hotplug.js"
import { blocked, busMust, expect, type Row, skip } from "../row.js"
import { exercise } from "./exercise.js"

const LAST_NUMBER = 0xffff
/** A message that is sent so soon after another one came may have been under way already. */
const CROSSING_MS = 50

/** Numbers near the exposed ones and at the ends, none of them exposed. */
function absentNumbers(bench: DeviceBench): number[] {
  const near = bench.deviceNumbers.flatMap((devNum) => [devNum - 1, devNum + 1, devNum ^ 0x100])
  const all = new Set([0, 1, 2, 0xff, 0x100, LAST_NUMBER, ...near])
  return [...all].filter((n) => n >= 0 && n <= LAST_NUMBER && !bench.deviceNumbers.includes(n))
}

interface Window extends DeviceBitmap {
  readonly frame: Uint8Array
}

async function getDevices(bench: DeviceBench, offset: number, count: number): Promise<Window> {
  const frame = await bench.ask(frames.getDevices(offset, count))
  if (!frame) skip("The bus does not support GET_DEVICES.")
  const decoded = decodeGetDevicesResponse(frame)
  if (!decoded.ok) return blocked(`The response to GET_DEVICES is malformed: ${decoded.reason}.`)
  return { ...decoded.value, frame }
}

/** Goes through all windows of `count` slots, as a driver does, and returns what it finds. */
async function walk(bench: DeviceBench, count: number): Promise<number[]> {
  const found: number[] = []
  let offset = 0
  for (let rounds = 0; rounds < 64; rounds++) {
    const window = await getDevices(bench, offset, count)
    found.push(...window.deviceNumbers)
    if (window.nextOffset === 0) return found
    if (window.nextOffset <= offset) blocked("next_offset goes back.")
    offset = window.nextOffset
  }
  return blocked("GET_DEVICES has not ended after 64 requests.")
}

/** What came and went during the run; skips the row where nothing did. */
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

const answers = async (bench: DeviceBench, devNum: number) =>
  (await bench.ask(frames.getDeviceInfo(devNum))) !== undefined

export const BUS_DISCOVERY_ROWS: readonly Row[] = [
  busMust(
    "B14",
    "Device Number Assignment",
    "Each device has a number of its own on its bus.",
    async (bench) => {
      const found = await walk(bench, 304)
      const twice = found.find((devNum, at) => found.indexOf(devNum) !== at)
      expect(twice === undefined, `Device number ${twice} is reported twice.`)
    },
  ),
  busMust(
    "B15",
    "Device Number Assignment",
    "The driver side learns of every device number that is valid.",
    async (bench) => {
      const found = await walk(bench, 304)
      for (const count of [1, 8, 65535]) {
        const again = await walk(bench, count)
        expect(
          again.join() === found.join(),
          `Windows of ${count} find devices ${again.join(", ")}, windows of 304 ${found.join(", ")}.`,
        )
      }
      const absent = absentNumbers(bench)
      const responses = await bench.conversation.askAll(absent.map((devNum) => frames.getDeviceInfo(devNum)))
      const hidden = absent.filter((_, at) => {
        const response = responses[at]
        return response !== undefined && getU16(response, 2) === absent[at]
      })
      expect(hidden.length === 0, `Device ${hidden.join(", ")} answers, but GET_DEVICES does not report it.`)
    },
  ),
  busMust(
    "B31",
    "Device Discovery",
    "Every device number that is exposed was validated: a device is there.",
    async (bench) => {
      for (const devNum of await walk(bench, 304))
        expect(await answers(bench, devNum), `Device ${devNum} is reported, but answers no GET_DEVICE_INFO.`)
    },
  ),
  busMust(
    "B32",
    "Device Discovery",
    "The number of a device that is present is exposed, so that the driver can send GET_DEVICE_INFO.",
    async (bench) => {
      const found = await walk(bench, 304)
      expect(
        found.includes(bench.devNum),
        `Device ${bench.devNum} is present, but GET_DEVICES does not report it.`,
      )
    },
  ),
  busMust(
    "B33",
    "Hotplug",
    "A bus that uses EVENT_DEVICE says ADDED when a device becomes accessible, REMOVED when it is gone.",
    async (bench) => {
      for (const event of await plugEvents(bench))
        expect(
          event.busState === DEVICE_ADDED || event.busState === DEVICE_REMOVED || event.busState >= 0x8000,
          `EVENT_DEVICE reports reserved state ${event.busState} of device ${event.deviceNumber}.`,
        )
    },
    { isPassive: true },
  ),
  busMust(
    "B34",
    "Hotplug",
    "Whatever the mechanism, a new number is exposed, and the driver side hears of a removal.",
    async (bench) => {
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
    {
      isPassive: true,
      async driver(runs) {
        await runs.good()
        const run = await runs.run("removed")
        const gone = run.transcript.findIndex(
          ({ direction, frame }) => direction === "out" && frame[1] === EVENT_DEVICE,
        )
        if (gone < 0) skip("The driver made nothing available.")
        expect(!run.isKilled, `The device was removed in the middle of a request. ${run.how}`)
        expect(
          !run.isDone,
          "The device was removed before it had answered, and the driver says that it did its work.",
        )
        // what crossed the word of the removal on its way does not count
        const knownMs = (run.transcript[gone]?.atMs ?? 0) + CROSSING_MS
        const later = run
          .places(run.bus.i2c, EVENT_AVAIL)
          .filter((at) => at > gone && (run.transcript[at]?.atMs ?? 0) > knownMs)
        expect(later.length === 0, "The device was removed, and still notified of buffers.")
      },
    },
  ),
  busMust(
    "B43",
    "GET_DEVICES",
    "count says how many slots the bitmap has: (count + 7) / 8 bytes, lowest bit first.",
    async (bench) => {
      for (const [offset, count] of [
        [0, 1],
        [0, 8],
        [0, 9],
        [0, 64],
        [bench.devNum, 1],
      ] as const) {
        const { frame, ...window } = await getDevices(bench, offset, count)
        const bytes = (window.count + 7) >> 3
        const size = getU16(frame, 6)
        expect(
          size === GET_DEVICES_BASE_SIZE + bytes,
          `${window.count} slots take ${bytes} bytes of bitmap, the message has ${size - GET_DEVICES_BASE_SIZE}.`,
        )
        expect(window.offset === offset, `Asked from ${offset}, it answers from ${window.offset}.`)
        const expected = bench.deviceNumbers.filter((n) => n >= offset && n < offset + window.count)
        expect(
          window.deviceNumbers.join() === expected.join(),
          `Slots ${offset} to ${offset + window.count - 1} show devices ${window.deviceNumbers.join(", ") || "none"} ` +
            `where ${expected.join(", ") || "none"} are.`,
        )
      }
    },
  ),
  busMust(
    "B44",
    "GET_DEVICES",
    "A request with count 0 gets a response with count 0 and an empty bitmap.",
    async (bench) => {
      for (const offset of [0, 1, LAST_NUMBER]) {
        const { frame, count } = await getDevices(bench, offset, 0)
        expect(count === 0, `Asked for 0 slots, it answers ${count}.`)
        expect(getU16(frame, 6) === GET_DEVICES_BASE_SIZE, "A bitmap of 0 slots has bytes.")
      }
    },
  ),
  busMust("B45", "GET_DEVICES", "The response's count is not greater than the request's.", async (bench) => {
    for (const count of [0, 1, 3, 8, 17, 300, 65535]) {
      const window = await getDevices(bench, 0, count)
      expect(window.count <= count, `Asked for ${count} slots, it answers ${window.count}.`)
    }
  }),
  busMust(
    "B46",
    "GET_DEVICES",
    "Bits of the last bitmap byte that stand for no slot are 0.",
    async (bench) => {
      for (const count of [1, 3, 7, 9, 15]) {
        const { frame, count: got } = await getDevices(bench, 0, count)
        if (got % 8 === 0) continue
        const last = frame[GET_DEVICES_BASE_SIZE + (got >> 3)] as number
        expect(last >> (got % 8) === 0, `Of ${got} slots the last byte is 0x${last.toString(16)}.`)
      }
    },
  ),
  busMust("B47", "GET_DEVICES", "next_offset 0 ends the walk: no device lies behind.", async (bench) => {
    const last = bench.deviceNumbers.at(-1) ?? 0
    const { nextOffset } = await getDevices(bench, last, 1)
    expect(nextOffset === 0, `Behind the last device, ${last}, next_offset is ${nextOffset}.`)
  }),
  busMust(
    "B48",
    "GET_DEVICES",
    "A next_offset that is not 0 is greater than the request's offset.",
    async (bench) => {
      for (const offset of [0, ...bench.deviceNumbers, LAST_NUMBER])
        for (const count of [0, 1, 2]) {
          const { nextOffset } = await getDevices(bench, offset, count)
          expect(
            nextOffset === 0 || nextOffset > offset,
            `next_offset ${nextOffset} follows offset ${offset}.`,
          )
        }
    },
  ),
  busMust(
    "B49",
    "GET_DEVICES",
    "Where the count was reduced, the bitmap still shows the slots from offset on, count of them.",
    async (bench) => {
      const window = await getDevices(bench, 0, 65535)
      if (window.count === 65535) skip("The bus answers the largest window whole.")
      const expected = bench.deviceNumbers.filter((n) => n < window.count)
      expect(window.offset === 0, `Asked from 0, it answers from ${window.offset}.`)
      expect(
        window.deviceNumbers.join() === expected.join(),
        `Slots 0 to ${window.count - 1} show devices ${window.deviceNumbers.join(", ")}.`,
      )
      const rest = bench.deviceNumbers.find((n) => n >= window.count)
      expect(rest === undefined || window.nextOffset !== 0, `Device ${rest} lies behind the reduced window.`)
    },
  ),
  busMust(
    "B51",
    "EVENT_DEVICE",
    "EVENT_DEVICE names a number that is valid and exposed to the driver side.",
    async (bench) => {
      const exposed = new Set(bench.deviceNumbers)
      for (const { busState, deviceNumber } of await plugEvents(bench)) {
        if (busState === DEVICE_ADDED) exposed.add(deviceNumber)
        expect(exposed.has(deviceNumber), `EVENT_DEVICE names ${deviceNumber}, which is no device.`)
        if (busState === DEVICE_REMOVED) exposed.delete(deviceNumber)
      }
    },
    { isPassive: true },
  ),
  busMust(
    "B52",
    "EVENT_DEVICE",
    "ADDED is sent only when the device takes transport messages.",
    async (bench) => {
      for (const { deviceNumber, isAnswering } of await plugEvents(bench, DEVICE_ADDED))
        expect(isAnswering !== false, `Device ${deviceNumber} was added, but answers no GET_DEVICE_INFO.`)
    },
    { isPassive: true },
  ),
  busMust(
    "B53",
    "EVENT_DEVICE",
    "REMOVED is sent when the device is no longer available.",
    async (bench) => {
      for (const { deviceNumber, isAnswering } of await plugEvents(bench, DEVICE_REMOVED))
        expect(isAnswering !== true, `Device ${deviceNumber} was removed, but answers GET_DEVICE_INFO.`)
    },
    { isPassive: true },
  ),
  {
    id: "B-S3",
    side: "bus",
    level: "SHOULD",
    section: "Device Number Assignment",
    requirement: "A device number is not used again right after its device went.",
    isPassive: true,
    async device(bench) {
      const events = await plugEvents(bench)
      for (const [at, { busState, deviceNumber }] of events.entries()) {
        const before = events.slice(0, at).findLast((event) => event.busState !== busState)
        const isReused = busState === DEVICE_ADDED && before?.deviceNumber === deviceNumber
        expect(!isReused, `Number ${deviceNumber} was removed and given to the next device.`)
      }
    },
  },
  {
    id: "B-S4",
    side: "bus",
    level: "SHOULD",
    section: "GET_DEVICES",
    requirement: "The bus answers as many slots as were asked for.",
    async device(bench) {
      for (const count of [1, 8, 13, 304]) {
        const window = await getDevices(bench, 0, count)
        expect(window.count === count, `Asked for ${count} slots, it answers ${window.count}.`)
      }
    },
  },
]
