// Rows of the bus about the header of the messages that it carries, and padding behind them: B22 to B26
// (virtio-msg "Common Header").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE, TYPE_BUS } from "../../../../shared-protocol/src/messages/header.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import * as frames from "../frames.js"
import { busAlways, busMust, type Row } from "../row.js"
import { expect } from "../verdict.js"
import { exercise } from "./exercise.js"
import { distinctRequests, echoedIndex, FAR_QUEUE, needPing } from "./recognisable-requests.js"

const header = busMust("Common Header")
const headerAlways = busAlways("Common Header")

export const BUS_HEADER_ROWS: readonly Row[] = [
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
]
