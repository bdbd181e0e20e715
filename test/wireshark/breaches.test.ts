// Every breach that the trace knows, in one made-up conversation: the trace and the dissector find each where it is.

import { describe, expect, it } from "vitest"
import type { Direction } from "../../host/src/link/link.js"
import type { CapturedPacket } from "../../host/src/trace/pcapng-writer.js"
import { TraceObserver } from "../../host/src/trace/trace-observer.js"
import { PACKET_CONNECT, PACKET_DATA } from "../../shared-protocol/src/mailbox/packet.js"
import * as ids from "../../shared-protocol/src/messages/ids.js"
import { packetsOf, skippedWithoutTshark, tshark } from "./tshark.js"

const SKIPPED = skippedWithoutTshark()
const LIMIT_MS = 60_000
const RESPONSE = 1
const BUS = 2

/** A message: type, id, dev_num, token, and the payload as 32-bit numbers (or bytes). */
function message(
  type: number,
  msgId: number,
  payload: readonly number[] | Uint8Array,
  { devNum = 0, token = 1 } = {},
): Uint8Array {
  const body = payload instanceof Uint8Array ? payload : new Uint8Array(Uint32Array.from(payload).buffer)
  const frame = new Uint8Array(8 + body.length)
  const view = new DataView(frame.buffer)
  view.setUint8(0, type)
  view.setUint8(1, msgId)
  view.setUint16(2, devNum, true)
  view.setUint16(4, token, true)
  view.setUint16(6, frame.length, true)
  frame.set(body, 8)
  return frame
}

const u16s = (...values: number[]) => new Uint8Array(Uint16Array.from(values).buffer)

/** A good HELLO response: messages of up to 60 bytes, so that HELLO itself, 68, is not measured by it. */
function hello(): Uint8Array {
  const payload = new Uint8Array(60)
  const view = new DataView(payload.buffer)
  view.setUint16(6, 60, true)
  view.setUint16(16, 8192, true)
  view.setUint16(18, 8192, true)
  return message(BUS | RESPONSE, ids.HELLO, payload)
}

const info = (...last: [number, number, number]) =>
  message(RESPONSE, ids.GET_DEVICE_INFO, [34, 0, 0, 0, 0, 0, 2, 4, ...last])
const status = (type: number, value: number) => message(type, ids.SET_DEVICE_STATUS, [value])
const setVqueue = (index: number, flags: number, size: number, desc = 0x10, reserved = 0) =>
  message(0, ids.SET_VQUEUE, [index, flags, size, reserved, desc, 0x10000, 0x210, 0x10000, 0x10, 0x20000])

/** Who sends what, and the row that it breaks; "" for what is in order and leads to the next. */
const CONVERSATION: readonly (readonly [Direction, Uint8Array, string])[] = [
  ["out", message(BUS, ids.HELLO, [0, 0]), ""],
  ["in", hello(), ""],
  ["out", message(BUS | 4, ids.PING, [1]), "B23"],
  ["in", message(BUS | RESPONSE, ids.PING, [2]), "B50"],
  ["out", message(BUS, ids.PING, [1], { devNum: 3 }), "G2"],
  ["in", message(BUS | RESPONSE, ids.PING, [1]), ""],
  ["out", message(BUS, ids.GET_DEVICES, u16s(8, 4)), ""],
  ["in", message(BUS | RESPONSE, ids.GET_DEVICES, Uint8Array.of(8, 0, 0, 0, 5, 0, 1)), "B45"],
  ["out", message(BUS, ids.GET_DEVICES, u16s(8, 4)), ""],
  ["in", message(BUS | RESPONSE, ids.GET_DEVICES, Uint8Array.of(8, 0, 8, 0, 4, 0, 1)), "B48"],
  ["out", message(BUS, ids.GET_DEVICES, u16s(8, 4)), ""],
  ["in", message(BUS | RESPONSE, ids.GET_DEVICES, Uint8Array.of(8, 0, 0, 0, 4, 0, 0x81)), "B46"],
  ["in", message(BUS | RESPONSE, ids.PING, [1]), "V27"],
  ["out", message(0, ids.GET_DEVICE_INFO, []), ""],
  ["in", info(70000, 0, 0), "V39"],
  ["out", message(0, ids.GET_DEVICE_INFO, []), ""],
  ["in", info(1, 1, 0), "V41"],
  ["out", message(0, ids.GET_DEVICE_INFO, []), ""],
  ["in", info(2, 1, 2), "V42"],
  ["in", message(0, ids.GET_DEVICE_INFO, [], { token: 9 }), "V29"],
  ["out", message(4, ids.GET_DEVICE_STATUS, []), "D14"],
  ["in", message(RESPONSE | 8, ids.GET_DEVICE_STATUS, [0]), "V22"],
  ["out", message(RESPONSE, ids.GET_DEVICE_INFO, [34, 0, 0, 0, 0, 0, 2, 4, 1, 0, 0], { token: 9 }), "D34"],
  ["in", message(RESPONSE, ids.EVENT_USED, [0], { token: 0 }), "G1 V27"],
  ["out", message(0, ids.SET_VQUEUE, [0]), "D15"],
  ["in", message(RESPONSE, ids.GET_VQUEUE, [0]), "V23"],
  ["out", message(0, 0x77, new Uint8Array(60), { token: 8 }), "D1"],
  ["in", message(0, ids.EVENT_CONFIG, [0, 0, 5, 0], { token: 0 }), "V13"],
  ["out", message(0, ids.GET_CONFIG, [0, 8]), "D40"],
  ["in", message(RESPONSE, ids.GET_CONFIG, [0, 0, 4, 7]), "V44"],
  ["out", message(0, ids.SET_CONFIG, [0, 4, 4, 7]), "D41"],
  ["in", message(RESPONSE, ids.SET_CONFIG, [0, 4, 2, 7]), "V47"],
  ["out", message(0, ids.SET_CONFIG, [0, 0, 4, 7]), ""],
  ["in", message(RESPONSE, ids.SET_CONFIG, [0, 0, 0, 7]), "V48"],
  ["out", message(0, ids.GET_SHM, [1]), ""],
  ["in", message(RESPONSE, ids.GET_SHM, [1, 7, 0, 0, 0, 0]), "V67"],
  ["out", message(0, ids.GET_DEVICE_FEATURES, [0, 1]), ""],
  ["in", message(RESPONSE, ids.GET_DEVICE_FEATURES, [0, 2, 1, 1]), ""],
  ["out", message(0, ids.SET_DRIVER_FEATURES, [0, 1, 3]), "D39"],
  ["out", message(0, ids.SET_DRIVER_FEATURES, [1, 1, 0x81], { token: 2 }), "D26 D39"],
  ["out", setVqueue(0, 1, 16), "D21"],
  ["out", status(0, 4), "D28"],
  ["in", status(RESPONSE, 0x0b), ""],
  ["out", message(0, ids.SET_DRIVER_FEATURES, [0, 1, 1], { token: 3 }), "D21"],
  ["out", status(0, 3), "D23"],
  ["in", status(RESPONSE, 0x0b), ""],
  ["out", message(0, ids.EVENT_AVAIL, [0, 0], { token: 0 }), "D29"],
  ["in", message(0, ids.EVENT_USED, [0], { token: 0 }), "V33"],
  ["out", message(0, ids.EVENT_USED, [0], { token: 0 }), "D31 V33"],
  ["in", message(0, ids.EVENT_AVAIL, [0, 0], { token: 0 }), "V35 D29"],
  ["out", status(0, 0x0f), ""],
  ["in", status(RESPONSE, 0x0f), ""],
  ["out", message(0, ids.EVENT_AVAIL, [7, 0], { token: 0 }), "D30"],
  ["out", setVqueue(1, 0x41, 16), "D48"],
  ["out", setVqueue(2, 1, 16, 0x10, 7), "D48"],
  ["out", setVqueue(3, 3, 16), "D49"],
  ["out", setVqueue(4, 1, 17), "D51"],
  ["out", setVqueue(5, 1, 16, 0x11), "D52"],
  ["out", setVqueue(1, 0x3c, 16), "D50"],
  ["out", setVqueue(1, 1, 32), "D53"],
  ["out", message(0, ids.GET_VQUEUE, [1], { token: 4 }), ""],
  ["in", message(RESPONSE, ids.GET_VQUEUE, [2, 16, 16, 1, 0, 0, 0, 0, 0, 0], { token: 4 }), "V54"],
  ["out", message(0, ids.GET_VQUEUE, [1], { token: 4 }), ""],
  ["in", message(RESPONSE, ids.GET_VQUEUE, [1, 16, 16, 3, 0, 0, 0, 0, 0, 0], { token: 4 }), "V55"],
  ["out", message(0, ids.GET_CONFIG, new Uint8Array(56), { token: 5 }), "D1"],
  ["in", message(RESPONSE, ids.GET_CONFIG, new Uint8Array(56), { token: 5 }), "V1"],
]

function packets(): CapturedPacket[] {
  const sequence = { out: 0, in: 0 }
  return packetsOf(
    CONVERSATION.map(([direction, frame], i) => {
      const flags = PACKET_DATA | (i === 0 ? PACKET_CONNECT : 0)
      const other = direction === "out" ? sequence.in : sequence.out
      const header = [flags, 1, 0, sequence[direction]++, other, 0, frame.length]
      return [direction, Uint8Array.from([...header, ...frame])]
    }),
  )
}

const wanted = CONVERSATION.map(([, , rows]) => rows.split(" ").filter((row) => row !== ""))

describe("every breach", () => {
  it("is found by the trace, where it is and nowhere else", () => {
    const observer = new TraceObserver()
    const found = packets().map(({ timeMs, direction, bytes }) =>
      observer
        .observe(timeMs, direction, bytes)
        .contents.flatMap((content) => (content.kind === "message" ? content.remarks : []))
        .flatMap(({ severity, row }) => (severity === "breach" && row ? [row] : [])),
    )
    expect(found).toEqual(wanted)
  })

  it.skipIf(SKIPPED)(`is found by the dissector${SKIPPED}`, { timeout: LIMIT_MS }, async () => {
    const output = await tshark(packets(), ["-T", "fields", "-E", "aggregator=|", "-e", "virtio_msg.row"])
    const found = output.split("\n").slice(0, wanted.length)
    expect(found).toEqual(wanted.map((rows) => rows.join("|")))
  })
})
