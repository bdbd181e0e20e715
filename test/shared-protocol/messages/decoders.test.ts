// Every decoder, on bytes that nobody checked.

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import * as protocol from "../../../shared-protocol/src/index.js"
import { plausibleFrame, randomBytes } from "../support/arbitraries.js"

interface Decoder {
  readonly name: string
  readonly type: number
  readonly msgId: number
  readonly decode: (frame: protocol.ByteBuf) => protocol.Decoded<unknown>
}

const TRANSPORT = 0
const RESPONSE = protocol.TYPE_RESPONSE
const BUS = protocol.TYPE_BUS

const DECODERS: readonly Decoder[] = [
  decoder("GET_DEVICE_INFO response", RESPONSE, protocol.GET_DEVICE_INFO, (frame) =>
    protocol.decodeGetDeviceInfoResponse(frame, allocateBytes(16)),
  ),
  decoder(
    "GET_DEVICE_FEATURES request",
    TRANSPORT,
    protocol.GET_DEVICE_FEATURES,
    protocol.decodeGetDeviceFeaturesRequest,
  ),
  decoder(
    "GET_DEVICE_FEATURES response",
    RESPONSE,
    protocol.GET_DEVICE_FEATURES,
    protocol.decodeGetDeviceFeaturesResponse,
  ),
  decoder(
    "SET_DRIVER_FEATURES request",
    TRANSPORT,
    protocol.SET_DRIVER_FEATURES,
    protocol.decodeSetDriverFeaturesRequest,
  ),
  decoder("GET_CONFIG request", TRANSPORT, protocol.GET_CONFIG, protocol.decodeGetConfigRequest),
  decoder("GET_CONFIG response", RESPONSE, protocol.GET_CONFIG, protocol.decodeGetConfigResponse),
  decoder("SET_CONFIG request", TRANSPORT, protocol.SET_CONFIG, protocol.decodeSetConfigRequest),
  decoder("SET_CONFIG response", RESPONSE, protocol.SET_CONFIG, protocol.decodeSetConfigResponse),
  decoder(
    "GET_DEVICE_STATUS response",
    RESPONSE,
    protocol.GET_DEVICE_STATUS,
    protocol.decodeGetDeviceStatusResponse,
  ),
  decoder(
    "SET_DEVICE_STATUS request",
    TRANSPORT,
    protocol.SET_DEVICE_STATUS,
    protocol.decodeSetDeviceStatusRequest,
  ),
  decoder(
    "SET_DEVICE_STATUS response",
    RESPONSE,
    protocol.SET_DEVICE_STATUS,
    protocol.decodeSetDeviceStatusResponse,
  ),
  decoder("GET_VQUEUE request", TRANSPORT, protocol.GET_VQUEUE, protocol.decodeGetVqueueRequest),
  decoder("GET_VQUEUE response", RESPONSE, protocol.GET_VQUEUE, protocol.decodeGetVqueueResponse),
  decoder("SET_VQUEUE request", TRANSPORT, protocol.SET_VQUEUE, protocol.decodeSetVqueueRequest),
  decoder("RESET_VQUEUE request", TRANSPORT, protocol.RESET_VQUEUE, protocol.decodeResetVqueueRequest),
  decoder("GET_SHM request", TRANSPORT, protocol.GET_SHM, protocol.decodeGetShmRequest),
  decoder("GET_SHM response", RESPONSE, protocol.GET_SHM, protocol.decodeGetShmResponse),
  decoder("EVENT_CONFIG", TRANSPORT, protocol.EVENT_CONFIG, protocol.decodeEventConfig),
  decoder("EVENT_AVAIL", TRANSPORT, protocol.EVENT_AVAIL, protocol.decodeEventAvail),
  decoder("EVENT_USED", TRANSPORT, protocol.EVENT_USED, protocol.decodeEventUsed),
  decoder("GET_DEVICES request", BUS, protocol.GET_DEVICES, protocol.decodeGetDevicesRequest),
  decoder("GET_DEVICES response", BUS | RESPONSE, protocol.GET_DEVICES, protocol.decodeGetDevicesResponse),
  decoder("PING request", BUS, protocol.PING, protocol.decodePingRequest),
  decoder("PING response", BUS | RESPONSE, protocol.PING, protocol.decodePingResponse),
  decoder("EVENT_DEVICE", BUS, protocol.EVENT_DEVICE, protocol.decodeEventDevice),
  decoder("HELLO request", BUS, protocol.HELLO, protocol.decodeHelloRequest),
  decoder("HELLO response", BUS | RESPONSE, protocol.HELLO, protocol.decodeHelloResponse),
]

function decoder(name: string, type: number, msgId: number, decode: Decoder["decode"]): Decoder {
  return { name, type, msgId, decode }
}

/** Neither throws nor says nothing. */
function expectAnAnswer(decode: Decoder["decode"], frame: protocol.ByteBuf): void {
  const result = decode(frame)
  if (!result.ok) expect(result.reason).toMatch(/\w/)
  else expect(result.value).toBeDefined()
}

describe.each(DECODERS)("the decoder of $name", ({ type, msgId, decode }) => {
  it("accepts or refuses random bytes, and never throws", () => {
    fc.assert(
      fc.property(randomBytes(80), (frame) => expectAnAnswer(decode, frame)),
      { numRuns: 60 },
    )
  })

  it("accepts or refuses what looks like its message, and never throws", () => {
    fc.assert(
      fc.property(plausibleFrame(type, msgId), (frame) => expectAnAnswer(decode, frame)),
      { numRuns: 150 },
    )
  })

  it("refuses every prefix of a message that it accepts without its last bytes", () => {
    const longest = allocateBytes(68)
    longest.set([type, msgId, 0, 0, 0, 0, 68])
    expect(decode(longest).ok).toBe(true)
    for (let length = 0; length < longest.length; length++)
      expect(decode(longest.subarray(0, length)).ok).toBe(false)
  })

  it("refuses the message under another type or another msg_id", () => {
    for (const [wrongType, wrongId] of [
      [type ^ 1, msgId],
      [type ^ 2, msgId],
      [type, msgId ^ 0x20],
    ]) {
      const frame = allocateBytes(68)
      frame.set([Number(wrongType), Number(wrongId), 0, 0, 0, 0, 68])
      expect(decode(frame).ok).toBe(false)
    }
  })

  it("V22 D14 ignores the reserved bits of type", () => {
    const frame = allocateBytes(68)
    frame.set([type | 0xfc, msgId, 0, 0, 0, 0, 68])
    expect(decode(frame).ok).toBe(true)
  })

  it("V25 ignores padding behind the message", () => {
    const frame = allocateBytes(100)
    frame.set([type, msgId, 0, 0, 0, 0, 68])
    expect(decode(frame).ok).toBe(true)
  })
})
