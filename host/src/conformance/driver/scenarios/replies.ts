// What scenarios are made of: recognising a frame, replies that say something else, and a first request.

import { getU16, getU32, putU32 } from "../../../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE, TYPE_RESPONSE } from "../../../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../../../shared-protocol/src/messages/ids.js"
import { STATUS_DRIVER_OK } from "../../../../../shared-protocol/src/messages/status.js"
import { changed, rawFrame } from "../../frames.js"
import type { Scenario, ScriptedBus } from "../scripted-bus.js"
import type { ScriptedDevice } from "../scripted-device.js"

export const isRequest = (frame: Uint8Array, msgId: number) => frame[0] === 0 && frame[1] === msgId
export const isTo = (frame: Uint8Array, device: ScriptedDevice) => getU16(frame, 2) === device.devNum
export const statusAsked = (frame: Uint8Array) => getU32(frame, HEADER_SIZE)

/** A copy of a reply with another 32-bit number at `offset` of its payload. */
export function withWord(reply: Uint8Array, offset: number, value: number): Uint8Array {
  const copy = Uint8Array.from(reply)
  putU32(copy, HEADER_SIZE + offset, value)
  return copy
}

/** The same response, with the reply's token, and another payload. */
export function withPayload(reply: Uint8Array, payload: readonly number[]): Uint8Array {
  const frame = rawFrame(TYPE_RESPONSE, reply[1] as number, getU16(reply, 2), payload)
  return changed(frame, 4, reply[4] as number, reply[5] as number)
}

/** Replies to requests with this id, or one of these, are changed. */
export const instead =
  (msgIds: number | readonly number[], change: (reply: Uint8Array) => Uint8Array) =>
  (reply: Uint8Array, request: Uint8Array): Uint8Array =>
    [msgIds].flat().some((msgId) => isRequest(request, msgId)) ? change(reply) : reply

/** A reset never ends. */
export const endlessReset = instead([ids.GET_DEVICE_STATUS, ids.SET_DEVICE_STATUS], (reply) =>
  withWord(reply, 0, 0x0f),
)
/** SET_VQUEUE changes nothing. */
export const queueRefused = instead(ids.GET_VQUEUE, (reply) =>
  withPayload(reply, [...reply.subarray(8, 16), ...new Array<number>(32).fill(0)]),
)
/** DRIVER_OK does not stay. */
export const noDriverOk = instead(ids.SET_DEVICE_STATUS, (reply) =>
  withWord(reply, 0, getU32(reply, HEADER_SIZE) & ~STATUS_DRIVER_OK),
)

/** What happens at the first request of the I2C device, which is not served. */
export const atFirstRequest =
  (act: (bus: ScriptedBus, device: ScriptedDevice) => void): NonNullable<Scenario["serve"]> =>
  (bus, device) => {
    if (device !== bus.i2c || bus.counter++ > 0) return true
    act(bus, device)
    return false
  }
