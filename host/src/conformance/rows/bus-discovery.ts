// Rows of the bus about finding devices: B14, B15, B31, B32, B43 to B49, B-S4
// (virtio-msg "Device Number Assignment", "Device Discovery", "GET_DEVICES").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { GET_DEVICES_BASE_SIZE } from "../../../../shared-protocol/src/messages/bus.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import { busMust, busShould, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"
import { getDevices, walk } from "./bus-requests.js"

const numbering = busMust("Device Number Assignment")
const discovery = busMust("Device Discovery")
const slots = busMust("GET_DEVICES")
const slotsShould = busShould("GET_DEVICES")

const LAST_NUMBER = 0xffff

/** Numbers near the exposed ones and at the ends, none of them exposed. */
function absentNumbers(bench: DeviceBench): number[] {
  const near = bench.deviceNumbers.flatMap((devNum) => [devNum - 1, devNum + 1, devNum ^ 0x100])
  const all = new Set([0, 1, 2, 0xff, 0x100, LAST_NUMBER, ...near])
  return [...all].filter((n) => n >= 0 && n <= LAST_NUMBER && !bench.deviceNumbers.includes(n))
}

const answers = async (bench: DeviceBench, devNum: number) =>
  (await bench.ask(frames.getDeviceInfo(devNum))) !== undefined

export const BUS_DISCOVERY_ROWS: readonly Row[] = [
  numbering("B14", "Each device has a number of its own on its bus.", async (bench) => {
    const found = await walk(bench, 304)
    const twice = found.find((devNum, at) => found.indexOf(devNum) !== at)
    expect(twice === undefined, `Device number ${twice} is reported twice.`)
  }),
  numbering("B15", "The driver side learns of every device number that is valid.", async (bench) => {
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
  }),
  discovery("B31", "Every device number that is exposed was validated: a device is there.", async (bench) => {
    for (const devNum of await walk(bench, 304))
      expect(await answers(bench, devNum), `Device ${devNum} is reported, but answers no GET_DEVICE_INFO.`)
  }),
  discovery(
    "B32",
    "The number of a device that is present is exposed, so that the driver can send GET_DEVICE_INFO.",
    async (bench) => {
      const found = await walk(bench, 304)
      expect(
        found.includes(bench.devNum),
        `Device ${bench.devNum} is present, but GET_DEVICES does not report it.`,
      )
    },
  ),
  slots(
    "B43",
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
          `${counted(window.count, "slot takes", "slots take")} ${counted(bytes, "byte")} of bitmap, the message has ${size - GET_DEVICES_BASE_SIZE}.`,
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
  slots("B44", "A request with count 0 gets a response with count 0 and an empty bitmap.", async (bench) => {
    for (const offset of [0, 1, LAST_NUMBER]) {
      const { frame, count } = await getDevices(bench, offset, 0)
      expect(count === 0, `Asked for 0 slots, it answers ${count}.`)
      expect(getU16(frame, 6) === GET_DEVICES_BASE_SIZE, "A bitmap of 0 slots has bytes.")
    }
  }),
  slots("B45", "The response's count is not greater than the request's.", async (bench) => {
    for (const count of [0, 1, 3, 8, 17, 300, 65535]) {
      const window = await getDevices(bench, 0, count)
      expect(window.count <= count, `Asked for ${counted(count, "slot")}, it answers ${window.count}.`)
    }
  }),
  slots("B46", "Bits of the last bitmap byte that stand for no slot are 0.", async (bench) => {
    for (const count of [1, 3, 7, 9, 15]) {
      const { frame, count: got } = await getDevices(bench, 0, count)
      if (got % 8 === 0) continue
      const last = frame[GET_DEVICES_BASE_SIZE + (got >> 3)] as number
      expect(last >> (got % 8) === 0, `Of ${counted(got, "slot")} the last byte is ${hex(last)}.`)
    }
  }),
  slots("B47", "next_offset 0 ends the walk: no device lies behind.", async (bench) => {
    const last = bench.deviceNumbers.at(-1) ?? 0
    const { nextOffset } = await getDevices(bench, last, 1)
    expect(nextOffset === 0, `Behind the last device, ${last}, next_offset is ${nextOffset}.`)
  }),
  slots("B48", "A next_offset that is not 0 is greater than the request's offset.", async (bench) => {
    for (const offset of [0, ...bench.deviceNumbers, LAST_NUMBER])
      for (const count of [0, 1, 2]) {
        const { nextOffset } = await getDevices(bench, offset, count)
        expect(nextOffset === 0 || nextOffset > offset, `next_offset ${nextOffset} follows offset ${offset}.`)
      }
  }),
  slots(
    "B49",
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
  slotsShould("B-S4", "The bus answers as many slots as were asked for.", async (bench) => {
    for (const count of [1, 8, 13, 304]) {
      const window = await getDevices(bench, 0, count)
      expect(window.count === count, `Asked for ${counted(count, "slot")}, it answers ${window.count}.`)
    }
  }),
]
