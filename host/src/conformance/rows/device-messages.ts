// Rows of the device about messages as such: sizes, the header, tokens, order, what is discarded; V1, V19, V21 to V30
// (virtio-msg "Common Header", "Ordering", "Error Handling", "Endianness").

import { getU16, getU32 } from "../../../../shared-protocol/src/bytes.js"
import { getToken, HEADER_SIZE, TYPE_RESPONSE } from "../../../../shared-protocol/src/messages/header.js"
import { STATUS_ACKNOWLEDGE, STATUS_DRIVER } from "../../../../shared-protocol/src/messages/status.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import { isResponseTo } from "../conversation.js"
import type { DeviceBench } from "../device-bench.js"
import { isTransport } from "../driver/driver-runs.js"
import * as frames from "../frames.js"
import { deviceAlways, deviceMust, type Row } from "../row.js"
import { blocked, expect } from "../verdict.js"
import { exercise, readings } from "./exercise.js"

const limitsAlways = deviceAlways("Respecting Bus Limits")
const errors = deviceMust("Error Handling")
const endianness = deviceMust("Endianness")
const header = deviceMust("Common Header")
const headerAlways = deviceAlways("Common Header")
const ordering = deviceMust("Ordering")

/** Transport messages of the whole run that came from the peer, and are long enough to have a header. */
async function received(bench: DeviceBench): Promise<Uint8Array[]> {
  await exercise(bench)
  return bench.conversation.since(0).filter(isTransport)
}

export const DEVICE_MESSAGE_ROWS: readonly Row[] = [
  limitsAlways("V1", "No response or event is larger than the bus allows.", async (bench) => {
    const { maxMessageSize } = bench.port.parameters
    // also asks for what would not fit
    const { devNum } = bench
    await bench.conversation.answersTo([
      frames.getDeviceFeatures(devNum, 0, Math.floor((maxMessageSize - 16) / 4) + 1),
      frames.getDeviceFeatures(devNum, 0, 0x3fff),
      frames.getConfig(devNum, 0, maxMessageSize - 19),
      frames.getConfig(devNum, 0, 0xffff),
    ])
    for (const frame of await received(bench))
      expect(
        getU16(frame, 6) <= maxMessageSize,
        `Message ${hex(frame[1] as number)} has ${counted(getU16(frame, 6), "byte")}; the bus allows ${maxMessageSize}.`,
      )
  }),
  errors("V19", "Malformed and unsupported messages are discarded without a word.", async (bench) => {
    const request = frames.getDeviceStatus(bench.devNum)
    // in a slot these two would be complete: zeros are behind them
    const cut = [request.subarray(0, 7), frames.changed(request, 6, 9, 0)]
    const bad = [
      ...(bench.port.parameters.slotBytes === undefined ? cut : []),
      request.subarray(0, 2),
      frames.changed(request, 6, 7, 0), // msg_size below the header
      frames.changed(request, 6, 0, 0),
      frames.changed(request, 6, 255, 255), // msg_size beyond the frame
      frames.changed(request, 0, TYPE_RESPONSE), // a response that nobody asked for
      frames.rawFrame(0, 0x3e, bench.devNum),
    ].map((frame, n) => (frame.length >= 6 ? frames.changed(frame, 4, 0x10 + n, 0x10) : frame))
    const answers = await bench.conversation.answersTo(bad)
    expect(
      answers.length === 0,
      `${answers.length} of ${bad.length} malformed or unsupported messages were answered.`,
    )
  }),
  endianness("V21", "Numbers are little-endian.", async (bench) => {
    const vqueue = await bench.need("GET_VQUEUE", frames.getVqueue(bench.devNum, 0x01020304))
    expect(
      vqueue.subarray(HEADER_SIZE, HEADER_SIZE + 4).join() === "4,3,2,1",
      `Queue index 0x01020304 comes back as bytes ${vqueue.subarray(HEADER_SIZE, HEADER_SIZE + 4).join(" ")}.`,
    )
    const info = await bench.need("GET_DEVICE_INFO", frames.getDeviceInfo(bench.devNum))
    const deviceId = getU32(info, HEADER_SIZE)
    expect(deviceId < 0x10000, `Device type ${hex(deviceId)} looks big-endian.`)
  }),
  headerAlways("V22", "type bits 2 to 7 are sent as 0, and ignored on receipt.", async (bench) => {
    await bench.need("GET_SHM", frames.getShm(bench.devNum, 0))
    for (const bits of [0x04, 0x80, 0xfc]) {
      const response = await bench.ask(frames.changed(frames.getShm(bench.devNum, 0), 0, bits))
      expect(response !== undefined, `A request of type ${hex(bits)} got no response.`)
    }
    for (const frame of await received(bench))
      expect(
        (frame[0] as number) >> 2 === 0,
        `Message ${hex(frame[1] as number)} has type ${hex(frame[0] as number)}.`,
      )
  }),
  headerAlways("V23", "msg_size counts header and payload, and nothing else.", async (bench) => {
    for (const frame of await received(bench)) {
      const size = getU16(frame, 6)
      expect(
        size >= HEADER_SIZE && size <= frame.length,
        `Message ${hex(frame[1] as number)} has msg_size ${size} in ${counted(frame.length, "byte")}.`,
      )
      const needed = payloadNeeded(frame)
      expect(
        needed === undefined || size === HEADER_SIZE + needed,
        `Message ${hex(frame[1] as number)} has msg_size ${size}; its fields take ${HEADER_SIZE + (needed ?? 0)}.`,
      )
    }
  }),
  headerAlways("V24", "A device sends its own number.", async (bench) => {
    const came = await received(bench)
    const added = (await bench.hotplug.observe()).map(({ deviceNumber }) => deviceNumber)
    for (const frame of came)
      expect(
        bench.deviceNumbers.includes(getU16(frame, 2)) || added.includes(getU16(frame, 2)),
        `Message ${hex(frame[1] as number)} comes from device ${getU16(frame, 2)}, which does not exist.`,
      )
    for (const response of await bench.conversation.askAll(readings(bench)))
      if (response)
        expect(
          getU16(response, 2) === bench.devNum,
          `Device ${bench.devNum} answers as ${getU16(response, 2)}.`,
        )
  }),
  header("V25", "Bytes behind msg_size are ignored.", async (bench) => {
    const plain = await bench.need("GET_VQUEUE", frames.getVqueue(bench.devNum, 7))
    const request = frames.padded(frames.getVqueue(bench.devNum, 7), 0, 0, 0, 0)
    const response = await bench.ask(request)
    expect(response !== undefined, "A request with 4 bytes of padding behind it got no response.")
    expect(
      response?.subarray(HEADER_SIZE).join() === plain.subarray(HEADER_SIZE).join(),
      "A request with padding behind it is answered otherwise.",
    )
  }),
  header("V26", "The token means nothing to the device.", async (bench) => {
    const seen = new Set<string>()
    for (const token of [0x0001, 0x00ff, 0xff00, 0xffff]) {
      const response = await bench.conversation.ask(frames.getDeviceFeatures(bench.devNum, 0, 2), token)
      seen.add(response ? response.subarray(HEADER_SIZE).join() : "no response")
    }
    expect(seen.size === 1, "The same request with other tokens is answered otherwise.")
  }),
  header("V27", "A response has the token of its request.", async (bench) => {
    for (const request of readings(bench))
      for (const token of [0x0102, 0xfffe]) {
        const response = await bench.conversation.ask(request, token)
        if (response)
          expect(getToken(response) === token, `Token ${hex(token)} came back as ${hex(getToken(response))}.`)
      }
  }),
  ordering("V28", "A device processes requests in the order in which it receives them.", async (bench) => {
    await bench.reset()
    const { devNum } = bench
    const both = STATUS_ACKNOWLEDGE | STATUS_DRIVER
    const [, first, , second] = await bench.conversation.askAll([
      frames.setDeviceStatus(devNum, STATUS_ACKNOWLEDGE),
      frames.getDeviceStatus(devNum),
      frames.setDeviceStatus(devNum, both),
      frames.getDeviceStatus(devNum),
    ])
    if (!first || !second) blocked("No response to GET_DEVICE_STATUS.")
    expect(getU32(first, HEADER_SIZE) === STATUS_ACKNOWLEDGE, "A read saw the status of a write behind it.")
    expect(getU32(second, HEADER_SIZE) === both, "A read did not see the status of the write before it.")
  }),
  ordering("V29", "Each valid request gets exactly one response.", async (bench) => {
    const { devNum } = bench
    const requests = [
      ...readings(bench),
      frames.getVqueue(devNum, 0xffffffff),
      frames.setDeviceStatus(devNum, 0),
      frames.resetVqueue(devNum, 0),
    ]
    for (const request of requests) {
      const token = bench.conversation.takeToken()
      const mark = bench.conversation.mark()
      // the bus may bring responses in another order, so a later one may come before
      await bench.conversation.ask(request, token)
      const sentinels = await bench.conversation.sentinel()
      const answers = bench.conversation
        .since(mark)
        .filter((frame) => isResponseTo(frame, request) && !sentinels.includes(frame))
      expect(
        answers.length === 1,
        `Request ${hex(request[1] as number)} got ${counted(answers.length, "response")}.`,
      )
    }
  }),
  ordering("V30", "A request that is too short for what it must carry gets no response.", async (bench) => {
    const { devNum } = bench
    const short = [
      frames.rawFrame(0, 0x03, devNum, frames.words(0)), // GET_DEVICE_FEATURES without num_blocks
      frames.rawFrame(0, 0x04, devNum, frames.words(0, 2, 0)), // SET_DRIVER_FEATURES: 2 blocks, 1 there
      frames.rawFrame(0, 0x05, devNum, frames.words(0)),
      frames.rawFrame(0, 0x06, devNum, frames.words(0, 0)),
      frames.rawFrame(0, 0x08, devNum, [0]),
      frames.rawFrame(0, 0x09, devNum),
      frames.rawFrame(0, 0x0a, devNum, frames.words(0, 0, 0)),
      frames.rawFrame(0, 0x0b, devNum, [0, 0]),
      frames.rawFrame(0, 0x0c, devNum),
    ].map((frame, n) => frames.changed(frame, 4, 0x40 + n, 0x20))
    const answers = await bench.conversation.answersTo(short)
    const [first] = answers
    expect(first === undefined, `A cut short request ${hex(first?.[1] ?? 0)} was answered.`)
  }),
]

/** Bytes of payload that the fields of a transport message from a device take; undefined for an unknown one. */
function payloadNeeded(frame: Uint8Array): number | undefined {
  const count = (offset: number) => (frame.length >= offset + 4 ? getU32(frame, offset) : 0)
  switch (frame[1]) {
    case 0x02:
      return 44
    case 0x03:
      return 8 + 4 * count(HEADER_SIZE + 4)
    case 0x05:
    case 0x06:
      return 12 + count(HEADER_SIZE + 8)
    case 0x07:
    case 0x08:
    case 0x42:
      return 4
    case 0x09:
      return 40
    case 0x04:
    case 0x0a:
    case 0x0b:
      return 0
    case 0x0c:
      return 24
    case 0x40:
      return getU16(frame, 6) === 24 ? 16 : 16 + count(HEADER_SIZE + 12)
    default:
      return undefined
  }
}
