// What a hostile device does again and again from some packet on, to the messages that it fits: lists that never end,
// counts that nothing has, tokens of others. Random bytes come to these only by chance.

import * as p from "../../shared-protocol/src/index.js"
import { ClassCounts } from "./classes.js"

type Change = (frame: Uint8Array, value: number) => void

const PAYLOAD = p.HEADER_SIZE
const BUS_RESPONSE = p.TYPE_BUS | p.TYPE_RESPONSE

const store16 = (frame: Uint8Array, at: number, value: number) => p.putU16(frame, at, value & 0xffff)

/** Puts `value` into a 32-bit field of the payload. */
const field32 =
  (at: number): Change =>
  (frame, value) =>
    p.putU32(frame, PAYLOAD + at, value)
const field16 =
  (at: number): Change =>
  (frame, value) =>
    store16(frame, PAYLOAD + at, value)

interface Habit {
  /** Of the messages that it fits; any response where absent. */
  readonly type?: number
  readonly msgId?: number
  readonly change: Change
}

const HABITS: Readonly<Record<string, Habit>> = {
  "GET_DEVICES that never ends": {
    type: BUS_RESPONSE,
    msgId: p.GET_DEVICES,
    // a little further each time, so that it looks as if there were an end
    change: (frame, value) => store16(frame, PAYLOAD + 2, p.getU16(frame, PAYLOAD) + 1 + (value & 63)),
  },
  "GET_DEVICES that goes back": { type: BUS_RESPONSE, msgId: p.GET_DEVICES, change: field16(2) },
  "an absurd count of devices": { type: BUS_RESPONSE, msgId: p.GET_DEVICES, change: field16(4) },
  "an absurd count of feature blocks": {
    type: p.TYPE_RESPONSE,
    msgId: p.GET_DEVICE_INFO,
    change: field32(24),
  },
  "an absurd size of configuration": { type: p.TYPE_RESPONSE, msgId: p.GET_DEVICE_INFO, change: field32(28) },
  "an absurd count of queues": { type: p.TYPE_RESPONSE, msgId: p.GET_DEVICE_INFO, change: field32(32) },
  "an absurd queue size": { type: p.TYPE_RESPONSE, msgId: p.GET_VQUEUE, change: field32(4) },
  "an absurd length of configuration": { type: p.TYPE_RESPONSE, msgId: p.GET_CONFIG, change: field32(8) },
  "an absurd window in HELLO": {
    type: BUS_RESPONSE,
    msgId: p.HELLO,
    // both areas, each from one byte to all that its field can say
    change: (frame, value) => p.putU32(frame, PAYLOAD + 16, value < 0x1_0000 ? value * 0x1_0001 : value),
  },
  "an absurd message size in HELLO": { type: BUS_RESPONSE, msgId: p.HELLO, change: field16(6) },
  "a status that nobody asked for": { type: p.TYPE_RESPONSE, msgId: p.SET_DEVICE_STATUS, change: field32(0) },
  "a token that nobody has": { change: (frame, value) => store16(frame, 4, value) },
  "the token of the request before": { change: (frame) => store16(frame, 4, p.getU16(frame, 4) - 1) },
}

const RING_LIES = ["a used index that jumps", "a used id that is none", "a used length that is none"] as const
export type RingLie = (typeof RING_LIES)[number]

export const HABIT_NAMES = Object.keys(HABITS)
export const RING_LIE_NAMES: readonly RingLie[] = RING_LIES
export const deviceClasses = new ClassCounts([...HABIT_NAMES, ...RING_LIES])

/** Applies a habit to the messages of a packet that it fits, in place. */
export function applyHabit(packet: Uint8Array, name: string, value: number): void {
  const habit = HABITS[name]
  if (!habit) throw new Error(`there is no habit "${name}"`)
  for (const frame of messagesOf(packet)) {
    const isResponse = ((frame[0] as number) & p.TYPE_RESPONSE) !== 0
    const fits = habit.msgId === undefined ? isResponse : frame[0] === habit.type && frame[1] === habit.msgId
    if (!fits) continue
    habit.change(frame, value)
    deviceClasses.note(name)
  }
}

/** A span with a lie into the used ring at `used` of a queue of `size`. */
export function ringLie(lie: RingLie, used: number, size: number, value: number): number[] {
  deviceClasses.note(lie)
  const slot = used + 4 + 8 * (value % size)
  const bytes = [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24]
  if (lie === "a used index that jumps") return span(used + 2, bytes.slice(0, 2))
  // the ring's other elements are as they were, and the next index that comes makes this one count
  return span(lie === "a used id that is none" ? slot : slot + 4, bytes)
}

function span(offset: number, bytes: readonly number[]): number[] {
  return [p.RECORD_SPAN | (offset >> 8), offset & 0xff, bytes.length, ...bytes]
}

/** The messages of a sound packet, as views into it. */
function messagesOf(packet: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = []
  for (let at = p.PACKET_HEADER_SIZE; at + 2 < packet.length; ) {
    const tag = packet[at] as number
    if (tag & p.RECORD_SPAN) at += p.SPAN_OVERHEAD + (packet[at + 2] as number)
    else if (tag & p.RECORD_NEAR_SPAN) at += p.NEAR_SPAN_OVERHEAD + (tag & 0x3f) + 1
    else if (tag !== p.RECORD_MESSAGE) break
    else {
      const length = packet[at + 1] as number
      const frame = packet.subarray(at + p.MESSAGE_OVERHEAD, at + p.MESSAGE_OVERHEAD + length)
      if (frame.length < length || length < p.HEADER_SIZE + 4) break
      // a change writes at most so far; shorter messages are left alone
      if (length >= p.HEADER_SIZE + 36 || !NEEDS_ROOM.has(frame[1] as number)) found.push(frame)
      at += p.MESSAGE_OVERHEAD + length
    }
  }
  return found
}

/** Messages with a field that a habit changes far behind their header. */
const NEEDS_ROOM = new Set([p.GET_DEVICE_INFO])
