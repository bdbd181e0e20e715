// Rows of the bus about carrying messages: routing, tokens, order, completion, what is discarded
// (virtio-msg "Transport Message Forwarding", "Error Handling", "Common Header", "Ordering", "PING").

import { getU16, getU32 } from "../../../../shared-protocol/src/bytes.js"
import { decodePingResponse, PING_SIZE } from "../../../../shared-protocol/src/messages/bus.js"
import {
  getToken,
  HEADER_SIZE,
  TYPE_BUS,
  TYPE_RESPONSE,
} from "../../../../shared-protocol/src/messages/header.js"
import { EVENT_CONFIG, EVENT_DEVICE, EVENT_USED } from "../../../../shared-protocol/src/messages/ids.js"
import { STATUS_ACKNOWLEDGE, STATUS_DRIVER } from "../../../../shared-protocol/src/messages/status.js"
import { isEvent } from "../conversation.js"
import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import { blocked, busMust, expect, hex, type Row, skip } from "../row.js"
import { exercise } from "./exercise.js"

const FORWARDING = "Transport Message Forwarding"
const ERRORS = "Error Handling"
const COMMON = "Common Header"
const ORDERING = "Ordering"
/** Longer than any bus should wait. */
const COMPLETION_LIMIT_MS = 60_000
/** A GET_VQUEUE of this queue is answered with the index as it came, and zeros: a payload that can be recognised. */
const FAR_QUEUE = 0xdeadbe00

function absentNumber(bench: DeviceBench): number {
  for (let devNum = 0xfffe; ; devNum--) if (!bench.deviceNumbers.includes(devNum)) return devNum
}

async function needPing(bench: DeviceBench, data: number, token?: number): Promise<Uint8Array> {
  if (bench.conversation.hasPing === false) skip("The bus does not support PING.")
  const response = await bench.conversation.ask(frames.ping(data), token)
  return response ?? blocked("No response to PING.")
}

/** Requests that can be told apart by what is answered. */
function distinctRequests(bench: DeviceBench, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => frames.getVqueue(bench.devNum, FAR_QUEUE + n))
}

const echoedIndex = (response: Uint8Array) =>
  response.length >= 12 ? getU32(response, HEADER_SIZE) : undefined

/** A request that nobody can answer, through the package's own side of the bus: how it ended. */
async function unanswerable(bench: DeviceBench) {
  const { request, clock } = bench.port
  if (!request) skip("The suite itself is the driver side of this bus.")
  const startMs = clock.now()
  let endings = 0
  let failure: unknown
  await request(frames.getDeviceStatus(absentNumber(bench))).then(
    () => endings++,
    (error) => {
      endings++
      failure = error
    },
  )
  await bench.conversation.sentinel()
  return { endings, failure, tookMs: clock.now() - startMs }
}

export const BUS_DELIVERY_ROWS: readonly Row[] = [
  busMust(
    "B1",
    "Bus Message Implementation",
    "A bus message that is supported has exactly its defined form.",
    async (bench) => {
      const ping = await needPing(bench, 0x11223344)
      expect(
        getU16(ping, 6) === PING_SIZE,
        `The response to PING has ${getU16(ping, 6)} bytes instead of ${PING_SIZE}.`,
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
        `The response to GET_DEVICES has ${getU16(devices, 6)} bytes for ${count} slots.`,
      )
    },
  ),
  busMust("B2", FORWARDING, "A message to a number that is no device's reaches no device.", async (bench) => {
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
  busMust(
    "B3",
    FORWARDING,
    "Each transport message goes to the device that its header names.",
    async (bench) => {
      const responses = await bench.conversation.askAll(
        bench.deviceNumbers.map((n) => frames.getDeviceInfo(n)),
      )
      for (const [at, devNum] of bench.deviceNumbers.entries()) {
        const response = responses[at]
        // whether it is there at all is another row's business (B31)
        if (response === undefined) continue
        if (devNum === bench.devNum)
          expect(
            getU32(response, HEADER_SIZE) === bench.info.deviceId,
            `Device ${devNum} is of type ${bench.info.deviceId}, but type ${getU32(response, HEADER_SIZE)} answers.`,
          )
      }
    },
  ),
  busMust(
    "B4",
    FORWARDING,
    "A request that cannot be routed ends with a failure that the transport sees.",
    async (bench) => {
      const { failure } = await unanswerable(bench)
      expect(failure !== undefined, "A request to a device that does not exist succeeded.")
    },
  ),
  busMust(
    "B16",
    ERRORS,
    "Every request that expects a response is completed within a bounded time.",
    async (bench) => {
      const { tookMs } = await unanswerable(bench)
      expect(tookMs <= COMPLETION_LIMIT_MS, `The request took ${tookMs} ms.`)
    },
    {
      async driver(runs) {
        const run = await runs.run("silent")
        expect(!run.isKilled, `A request without a response kept the driver waiting: ${run.how}`)
      },
    },
  ),
  busMust("B17", ERRORS, "Each request ends once: with one response, or one failure.", async (bench) => {
    const { endings } = await unanswerable(bench)
    expect(endings === 1, `The request ended ${endings} times.`)
  }),
  busMust(
    "B18",
    ERRORS,
    "A bus never waits for a response without end.",
    async (bench) => {
      const { failure } = await unanswerable(bench)
      expect(failure !== undefined, "A request that nobody answers was not given up.")
    },
    {
      async driver(runs) {
        const run = await runs.run("silent-later")
        expect(!run.isKilled, `A request without a response kept the driver waiting: ${run.how}`)
      },
    },
  ),
  busMust(
    "B19",
    ERRORS,
    "Malformed headers and unknown bus messages are discarded without a word.",
    async (bench) => {
      const bad = [
        Uint8Array.of(2, 3, 0),
        frames.changed(frames.ping(1), 6, 7, 0), // msg_size below the header
        frames.changed(frames.ping(2), 6, 255, 0), // msg_size beyond the frame
        frames.rawFrame(TYPE_BUS, 0x00, 0, frames.words(1)),
        frames.rawFrame(TYPE_BUS, 0x3f, 0, frames.words(2)),
        frames.rawFrame(TYPE_BUS, 0xbf, 0, frames.words(3)),
        frames.rawFrame(TYPE_BUS, 0x03, 0, []), // PING without data
        frames.rawFrame(TYPE_BUS, 0x02, 0, [0, 0]), // GET_DEVICES cut short
      ]
      const answers = await bench.conversation.answersTo(bad)
      expect(
        answers.length === 0,
        `${answers.length} of ${bad.length} malformed or unknown bus messages were answered.`,
      )
    },
  ),
  busMust("B21", ERRORS, "Nothing answers an event.", async (bench) => {
    const events = [
      frames.eventAvail(bench.devNum, 0xffff),
      frames.eventAvail(absentNumber(bench), 0),
      frames.rawFrame(0, 0x7f, bench.devNum, frames.words(0)),
      frames.rawFrame(0, EVENT_CONFIG, bench.devNum, frames.words(0, 0, 0, 0)),
      frames.rawFrame(0, EVENT_USED, bench.devNum, frames.words(0)),
      frames.rawFrame(TYPE_BUS, EVENT_DEVICE, 0, frames.words(0)),
      frames.rawFrame(TYPE_BUS, 0xff, 0, frames.words(0)),
    ]
    const answers = await bench.conversation.answersTo(events)
    expect(answers.length === 0, `${answers.length} of ${events.length} events were answered.`)
  }),
  busMust(
    "B22",
    COMMON,
    "Bus messages are delivered with dev_num 0, and transport messages with their own.",
    async (bench) => {
      for (const token of [1, 0x7fff]) {
        const ping = await needPing(bench, token, token)
        expect(getU16(ping, 2) === 0, `The response to PING has dev_num ${getU16(ping, 2)}.`)
      }
      const far = await bench.need("GET_VQUEUE", frames.getVqueue(bench.devNum, FAR_QUEUE))
      expect(
        getU16(far, 2) === bench.devNum,
        `Asked device ${bench.devNum}, dev_num ${getU16(far, 2)} answers.`,
      )
    },
  ),
  busMust(
    "B23",
    COMMON,
    "type bits 2 to 7 are 0 in the bus's own messages, and ignored in those it forwards.",
    async (bench) => {
      const ping = await needPing(bench, 5)
      expect((ping[0] as number) >> 2 === 0, `The response to PING has type ${hex(ping[0] as number)}.`)
      const odd = await bench.ask(frames.changed(frames.ping(6), 0, 0xfc | TYPE_BUS))
      expect(odd !== undefined, "A PING with reserved type bits set got no response.")
      const forwarded = await bench.ask(frames.changed(frames.getVqueue(bench.devNum, FAR_QUEUE), 0, 0xa4))
      expect(forwarded !== undefined, "A request with reserved type bits set did not reach the device.")
    },
  ),
  busMust(
    "B24",
    COMMON,
    "Bytes that the bus adds behind a message are 0, and reach the reader as 0.",
    async (bench) => {
      await exercise(bench)
      for (const frame of bench.conversation.since(0)) {
        if (frame.length < HEADER_SIZE) continue
        const extra = frame.subarray(Math.max(HEADER_SIZE, getU16(frame, 6)))
        expect(
          extra.every((byte) => byte === 0),
          `A message of ${getU16(frame, 6)} bytes is followed by bytes that are not 0.`,
        )
      }
    },
    { isPassive: true },
  ),
  busMust(
    "B25",
    COMMON,
    "Whatever token a bus puts into a message, driver and device see no difference.",
    async (bench) => {
      const payloads = new Set<string>()
      for (const token of [1, 0x0100, 0x7ffe, 0xfffe]) {
        const response = await bench.conversation.ask(frames.getVqueue(bench.devNum, FAR_QUEUE), token)
        payloads.add(response ? response.subarray(HEADER_SIZE).join() : "no response")
      }
      expect(payloads.size === 1, "The same request with other tokens is answered otherwise.")
    },
  ),
  busMust(
    "B26",
    COMMON,
    "Tokens correlate requests and responses without the driver's noticing.",
    async (bench) => {
      const requests = distinctRequests(bench, 8)
      const responses = await bench.conversation.askAll(requests)
      for (const [n, response] of responses.entries())
        expect(
          response === undefined || echoedIndex(response) === FAR_QUEUE + n,
          `The response with the token of request ${n} answers another one.`,
        )
    },
  ),
  busMust("B27", ORDERING, "Each request of many is completed exactly once.", async (bench) => {
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
  busMust("B28", ORDERING, "Requests reach a device in the order in which they were sent.", async (bench) => {
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
  busMust(
    "B29",
    ORDERING,
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
    { isPassive: true },
  ),
  busMust(
    "B30",
    ORDERING,
    "An event is not held back until an outstanding response has come.",
    async (bench) => {
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
    },
  ),
  busMust("B50", "PING", "The response to PING has the data of the request.", async (bench) => {
    for (const data of [0, 1, 0x80000000, 0xffffffff, 0x12345678]) {
      const decoded = decodePingResponse(await needPing(bench, data))
      expect(
        decoded.ok && decoded.value === data,
        `PING ${hex(data)} came back as ${decoded.ok ? hex(decoded.value) : decoded.reason}.`,
      )
    }
  }),
  {
    id: "B-S1",
    side: "bus",
    level: "SHOULD",
    section: FORWARDING,
    requirement: "The bus takes the payload of transport messages as it is.",
    async device(bench) {
      for (const index of [0x01020304, 0x80ff7f00, 0xfefdfcfb]) {
        const response = await bench.need("GET_VQUEUE", frames.getVqueue(bench.devNum, index))
        expect(
          echoedIndex(response) === index,
          `Queue index ${hex(index)} came back as ${hex(echoedIndex(response) ?? 0)}.`,
        )
      }
    },
  },
]
