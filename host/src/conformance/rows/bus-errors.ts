// Rows of the bus about requests that fail, and messages that it discards: B16 to B19, B21 (virtio-msg "Error Handling").

import { TYPE_BUS } from "../../../../shared-protocol/src/messages/header.js"
import { EVENT_CONFIG, EVENT_DEVICE, EVENT_USED } from "../../../../shared-protocol/src/messages/ids.js"
import { counted } from "../../counted.js"
import * as frames from "../frames.js"
import { busMust, busRows, type Row } from "../row.js"
import { expect } from "../verdict.js"
import { absentNumber, unanswerable } from "./absent-device.js"

const errorRows = busRows("Error Handling")
const errors = busMust("Error Handling")

/** Longer than any bus should wait. */
const COMPLETION_LIMIT_MS = 60_000

export const BUS_ERROR_ROWS: readonly Row[] = [
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
