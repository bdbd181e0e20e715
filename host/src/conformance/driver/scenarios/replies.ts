// What scenarios are made of: recognising a frame, and a reply that says something else.

import { getU16, getU32, putU32 } from "../../../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE, TYPE_RESPONSE } from "../../../../../shared-protocol/src/messages/header.js"
import { changed, rawFrame } from "../../frames.js"
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
