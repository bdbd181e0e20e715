// What a scenario is, one thing that a driver under test has to live with, and what scenarios are made of.

import { getU16, getU32, putU32 } from "../../../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE, TYPE_RESPONSE } from "../../../../../shared-protocol/src/messages/header.js"
import type { BusParameters } from "../../device-port.js"
import { changed, rawFrame } from "../../frames.js"
import type { ScriptedBus } from "../scripted-bus.js"
import type { ScriptedDevice } from "../scripted-device.js"

export interface Scenario {
  readonly name: string
  /** What the driver meets, as a sentence. */
  readonly what: string
  readonly parameters?: Partial<BusParameters>
  /** Whether the console, whose configuration can be read and written, is there; true when absent. */
  readonly hasConsole?: boolean
  /** Changes the devices before the driver starts. */
  readonly shape?: (bus: ScriptedBus) => void
  /** What is sent for a request: the reply, something else, or nothing. */
  readonly respond?: (reply: Uint8Array, request: Uint8Array, bus: ScriptedBus) => readonly Uint8Array[]
  readonly afterResponse?: (bus: ScriptedBus, request: Uint8Array) => void
  readonly onEvent?: (bus: ScriptedBus, event: Uint8Array) => void
  /** Whether a queue is served now; true when absent. */
  readonly serve?: (bus: ScriptedBus, device: ScriptedDevice, queueIndex: number) => boolean
  /** The token of an event; 0 when absent. */
  readonly tokenOfEvent?: (bus: ScriptedBus) => number
  /** The device looks into its queues by itself so often: it asked not to be notified. */
  readonly pollMs?: number
}

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
