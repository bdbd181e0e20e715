// Rows of the bus about the messages that it carries: their header and padding, those that it discards, and requests that
// fail: B16 to B19, B21 to B26 (virtio-msg "Common Header", "Error Handling").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE, TYPE_BUS } from "../../../../shared-protocol/src/messages/header.js"
import { EVENT_CONFIG, EVENT_DEVICE, EVENT_USED } from "../../../../shared-protocol/src/messages/ids.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import * as frames from "../frames.js"
import { busAlways, busMust, busRows, type Row } from "../row.js"
import { expect } from "../verdict.js"
import {
  absentNumber,
  distinctRequests,
  echoedIndex,
  FAR_QUEUE,
  needPing,
  unanswerable,
} from "./bus-requests.js"
import { exercise } from "./exercise.js"

const header = busMust("Common Header")
const headerAlways = busAlways("Common Header")
const errorRows = busRows("Error Handling")
const errors = busMust("Error Handling")

/** Longer than any bus should wait. */
const COMPLETION_LIMIT_MS = 60_000

export const BUS_MESSAGE_ROWS: readonly Row[] = [
  header(
    "B22",
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
  header(
    "B23",
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
  headerAlways(
    "B24",
    "Bytes that the bus adds behind a message are 0, and reach the reader as 0.",
    async (bench) => {
      await exercise(bench)
      for (const frame of bench.conversation.since(0)) {
        if (frame.length < HEADER_SIZE) continue
        const extra = frame.subarray(Math.max(HEADER_SIZE, getU16(frame, 6)))
        expect(
          extra.every((byte) => byte === 0),
          `A message of ${counted(getU16(frame, 6), "byte")} is followed by bytes that are not 0.`,
        )
      }
    },
  ),
  header(
    "B25",
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
  header("B26", "Tokens correlate requests and responses without the driver's noticing.", async (bench) => {
    const requests = distinctRequests(bench, 8)
    const responses = await bench.conversation.askAll(requests)
    for (const [n, response] of responses.entries())
      expect(
        response === undefined || echoedIndex(response) === FAR_QUEUE + n,
        `The response with the token of request ${n} answers another one.`,
      )
  }),
  errorRows("B16", "Every request that expects a response is completed within a bounded time.", {
    async device(bench) {
      const { tookMs } = await unanswerable(bench)
      expect(tookMs <= COMPLETION_LIMIT_MS, `The request took ${tookMs} ms.`)
    },
    async driver(runs) {
      const run = await runs.run("silent")
      expect(!run.isKilled, `A request without a response kept the driver waiting: ${run.how}`)
    },
  }),
  errors("B17", "Each request ends once: with one response, or one failure.", async (bench) => {
    const { endings } = await unanswerable(bench)
    expect(endings === 1, `The request ended ${endings} times.`)
  }),
  errorRows("B18", "A bus never waits for a response without end.", {
    async device(bench) {
      const { failure } = await unanswerable(bench)
      expect(failure !== undefined, "A request that nobody answers was not given up.")
    },
    async driver(runs) {
      const run = await runs.run("silent-later")
      expect(!run.isKilled, `A request without a response kept the driver waiting: ${run.how}`)
    },
  }),
  errors("B19", "Malformed headers and unknown bus messages are discarded without a word.", async (bench) => {
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
  }),
  errors("B21", "Nothing answers an event.", async (bench) => {
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
    expect(answers.length === 0, `${answers.length} of ${counted(events.length, "event")} were answered.`)
  }),
]
