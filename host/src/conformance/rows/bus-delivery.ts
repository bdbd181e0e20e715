// Rows of the bus about carrying messages, each to its device, in order: B1 to B4, B27 to B30, B50, B-S1
// (virtio-msg "Bus Message Implementation", "Transport Message Forwarding", "Ordering", "PING").

import { getU16, getU32 } from "../../../../shared-protocol/src/bytes.js"
import { decodePingResponse, PING_SIZE } from "../../../../shared-protocol/src/messages/bus.js"
import {
  getToken,
  HEADER_SIZE,
  TYPE_BUS,
  TYPE_RESPONSE,
} from "../../../../shared-protocol/src/messages/header.js"
import { EVENT_USED } from "../../../../shared-protocol/src/messages/ids.js"
import { STATUS_ACKNOWLEDGE, STATUS_DRIVER } from "../../../../shared-protocol/src/messages/status.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import { isEvent } from "../conversation.js"
import * as frames from "../frames.js"
import { busAlways, busMust, busShould, type Row } from "../row.js"
import { blocked, expect } from "../verdict.js"
import {
  absentNumber,
  distinctRequests,
  echoedIndex,
  FAR_QUEUE,
  needPing,
  unanswerable,
} from "./bus-requests.js"
import { exercise } from "./exercise.js"

const busMessages = busMust("Bus Message Implementation")
const forwarding = busMust("Transport Message Forwarding")
const ordering = busMust("Ordering")
const orderingAlways = busAlways("Ordering")
const ping = busMust("PING")
const forwardingShould = busShould("Transport Message Forwarding")

export const BUS_DELIVERY_ROWS: readonly Row[] = [
  busMessages("B1", "A bus message that is supported has exactly its defined form.", async (bench) => {
    const ping = await needPing(bench, 0x11223344)
    expect(
      getU16(ping, 6) === PING_SIZE,
      `The response to PING has ${counted(getU16(ping, 6), "byte")} instead of ${PING_SIZE}.`,
    )
    expect(
      ((ping[0] as number) & 3) === (TYPE_BUS | TYPE_RESPONSE),
      `The response to PING has type ${ping[0]}.`,
    )
    const devices = await bench.ask(frames.getDevices(0, 16))
    if (!devices) return
    const count = getU16(devices, HEADER_SIZE + 4)
    expect(
      getU16(devices, 6) === HEADER_SIZE + 6 + ((count + 7) >> 3),
      `The response to GET_DEVICES has ${counted(getU16(devices, 6), "byte")} for ${counted(count, "slot")}.`,
    )
  }),
  forwarding("B2", "A message to a number that is no device's reaches no device.", async (bench) => {
    await bench.reset()
    await bench.setStatus(STATUS_ACKNOWLEDGE)
    const absent = absentNumber(bench)
    await bench.conversation.answersTo([frames.setDeviceStatus(absent, STATUS_ACKNOWLEDGE | STATUS_DRIVER)])
    const status = await bench.getStatus()
    expect(
      status === STATUS_ACKNOWLEDGE,
      `A SET_DEVICE_STATUS to device ${absent}, which does not exist, changed device ${bench.devNum}: ${hex(status)}.`,
    )
  }),
  forwarding("B3", "Each transport message goes to the device that its header names.", async (bench) => {
    const responses = await bench.conversation.askAll(bench.deviceNumbers.map((n) => frames.getDeviceInfo(n)))
    for (const [at, devNum] of bench.deviceNumbers.entries()) {
      const response = responses[at]
      // another row judges whether it is there at all (B31)
      if (response === undefined) continue
      if (devNum === bench.devNum)
        expect(
          getU32(response, HEADER_SIZE) === bench.info.deviceId,
          `Device ${devNum} is of type ${bench.info.deviceId}, but type ${getU32(response, HEADER_SIZE)} answers.`,
        )
    }
  }),
  forwarding(
    "B4",
    "A request that cannot be routed ends with a failure that the transport sees.",
    async (bench) => {
      const { failure } = await unanswerable(bench)
      expect(failure !== undefined, "A request to a device that does not exist succeeded.")
    },
  ),
  ordering("B27", "Each request of many is completed exactly once.", async (bench) => {
    const mark = bench.conversation.mark()
    const requests = distinctRequests(bench, 20)
    await bench.conversation.askAll(requests)
    await bench.conversation.sentinel()
    const seen = bench.conversation.since(mark).map(echoedIndex)
    for (let n = 0; n < requests.length; n++) {
      const times = seen.filter((index) => index === FAR_QUEUE + n).length
      expect(times === 1, `Of 20 requests at once, number ${n} was answered ${times} times.`)
    }
  }),
  ordering("B28", "Requests reach a device in the order in which they were sent.", async (bench) => {
    await bench.reset()
    const { devNum } = bench
    const steps = [STATUS_ACKNOWLEDGE, STATUS_ACKNOWLEDGE | STATUS_DRIVER, 0]
    const responses = await bench.conversation.askAll(
      steps.flatMap((status) => [frames.setDeviceStatus(devNum, status), frames.getDeviceStatus(devNum)]),
    )
    for (const [n, status] of steps.entries()) {
      const response = responses[2 * n + 1]
      if (!response) blocked("No response to GET_DEVICE_STATUS.")
      // a reset may take its time; the two before may not
      const got = getU32(response, HEADER_SIZE)
      if (status !== 0)
        expect(got === status, `GET_DEVICE_STATUS behind status ${hex(status)} reads ${hex(got)}.`)
    }
  }),
  orderingAlways(
    "B29",
    "Responses out of order are correlated with their requests before anybody sees them.",
    async (bench) => {
      await exercise(bench)
      const asked = new Map<number, number>()
      for (const { direction, frame } of bench.conversation.history) {
        if (frame.length < HEADER_SIZE) continue
        const token = getToken(frame)
        if (token === 0 || isEvent(frame)) continue // nobody waits for these
        if (direction === "out") asked.set(token, frame[1] as number)
        else if ((frame[0] as number) & TYPE_RESPONSE && asked.has(token))
          expect(
            asked.get(token) === frame[1],
            `Token ${hex(token)} was sent with message ${hex(asked.get(token) ?? 0)} and came back with ${hex(frame[1] as number)}.`,
          )
      }
    },
  ),
  ordering("B30", "An event is not held back until an outstanding response has come.", async (bench) => {
    bench.needNotifications()
    const { queue, workload } = await bench.start()
    const mark = bench.conversation.mark()
    // no response will ever come to this one
    bench.conversation.post(frames.changed(frames.getDeviceStatus(absentNumber(bench)), 4, 0x34, 0x12))
    queue.submit(workload.request(0))
    if (!(await queue.completed(1))) blocked("The device does not complete the request.")
    const events = () => bench.conversation.eventsSince(mark, EVENT_USED, bench.devNum).length
    expect(
      await bench.conversation.waitUntil(() => events() > 0),
      "No EVENT_USED came while a response was outstanding.",
    )
  }),
  ping("B50", "The response to PING has the data of the request.", async (bench) => {
    for (const data of [0, 1, 0x80000000, 0xffffffff, 0x12345678]) {
      const decoded = decodePingResponse(await needPing(bench, data))
      expect(
        decoded.ok && decoded.value === data,
        `PING ${hex(data)} came back as ${decoded.ok ? hex(decoded.value) : decoded.reason}.`,
      )
    }
  }),
  forwardingShould("B-S1", "The bus takes the payload of transport messages as it is.", async (bench) => {
    for (const index of [0x01020304, 0x80ff7f00, 0xfefdfcfb]) {
      const response = await bench.need("GET_VQUEUE", frames.getVqueue(bench.devNum, index))
      expect(
        echoedIndex(response) === index,
        `Queue index ${hex(index)} came back as ${hex(echoedIndex(response) ?? 0)}.`,
      )
    }
  }),
]
