// Recognises peers of older drafts by what they say: the layouts of the text moved several times before revision 1.
//
//   alpha, rfc1: 4-byte header (type, msg_id, dev_id), every message 40 bytes
//   rfc2:        6-byte header (type, msg_id, dev_num, msg_size)
//   rfc3, pr28:  8-byte header as now; GET_DEVICE_INFO is 24 bytes, SET_VQUEUE has 0 where flags are now

import { getU16, getU32, putU32 } from "../../../shared-protocol/src/bytes.js"
import { GET_DEVICE_INFO_RESPONSE_SIZE } from "../../../shared-protocol/src/messages/device-info.js"
import {
  getToken,
  HEADER_SIZE,
  putToken,
  TYPE_RESPONSE,
} from "../../../shared-protocol/src/messages/header.js"
import { GET_DEVICE_INFO, SET_DEVICE_STATUS, SET_VQUEUE } from "../../../shared-protocol/src/messages/ids.js"
import { SET_VQUEUE_REQUEST_SIZE } from "../../../shared-protocol/src/messages/vqueue.js"
import { SLOT_BYTES } from "../link/spsc-ring.js"
import type { Conversation } from "./conversation.js"
import type { Scenario } from "./driver/scripted-bus.js"
import { rawFrame } from "./frames.js"

const FIXED_FRAME_BYTES = 40
const RFC2_HEADER_BYTES = 6
/** Payload of GET_DEVICE_INFO in rfc2 and rfc3: device, vendor, features, configuration, queues, administration queues. */
const RFC3_INFO_BYTES = 24
const ALPHA_INFO_ID = 0x02
/** How long an older peer gets to answer a message of its own draft. */
const PATIENCE_MS = 300

export type Draft = "alpha or rfc1" | "rfc2" | "rfc3"

const ALPHA = {
  draft: "alpha or rfc1",
  sign: "its messages have a fixed 40 bytes and a 4-byte header",
} as const
const RFC2 = {
  draft: "rfc2",
  sign: "its header has 6 bytes: msg_size stands at offset 4, and there is no token",
} as const
const RFC3 = { draft: "rfc3", sign: `GET_DEVICE_INFO is ${RFC3_INFO_BYTES} bytes` } as const

/** The draft that a frame belongs to, if it can only be one of an older draft; undefined otherwise. */
export function draftOf(frame: Uint8Array): { draft: Draft; sign: string } | undefined {
  const [type = 0, msgId = 0] = frame
  if (type > 3) return undefined
  const isInfo = (type & 2) === 0 && msgId === GET_DEVICE_INFO
  if (frame.length === SLOT_BYTES && isInfo && (type & 1) === 1) return draftInSlot(frame)
  if (
    frame.length === FIXED_FRAME_BYTES &&
    getU16(frame, 6) !== frame.length &&
    getU16(frame, 4) !== frame.length
  )
    return ALPHA
  if (
    frame.length >= RFC2_HEADER_BYTES &&
    getU16(frame, 4) === frame.length &&
    !(frame.length >= 8 && getU16(frame, 6) === frame.length)
  )
    return RFC2
  if (frame.length >= 8 && isInfo && (type & 1) === 1 && getU16(frame, 6) === 8 + RFC3_INFO_BYTES) return RFC3
  return undefined
}

const firstDraft = (frames: readonly Uint8Array[]) => frames.map(draftOf).find((each) => each !== undefined)

/** The same for a response to GET_DEVICE_INFO in the slot of a ring, which has zeros behind it. */
function draftInSlot(frame: Uint8Array): { draft: Draft; sign: string } | undefined {
  const endsAt = (end: number) => frame.subarray(end).every((byte) => byte === 0)
  const [rfc2Size, size] = [getU16(frame, 4), getU16(frame, 6)]
  if (size === HEADER_SIZE + RFC3_INFO_BYTES && endsAt(size)) return RFC3
  if (size === GET_DEVICE_INFO_RESPONSE_SIZE) return undefined
  if (rfc2Size === RFC2_HEADER_BYTES + RFC3_INFO_BYTES && endsAt(rfc2Size)) return RFC2
  const isSized = size >= HEADER_SIZE && size <= frame.length
  return !isSized && endsAt(FIXED_FRAME_BYTES) ? ALPHA : undefined
}

/**
 * Whether a driver sets its queues up as rfc3 does: SET_VQUEUE is as long as ours, with the size at offset 8 as well, but
 * without flags, by which a queue is enabled now. A driver of this revision may leave them 0 for a while, not always.
 */
function setsQueuesAsRfc3(sent: readonly Uint8Array[]): boolean {
  const settings = sent.filter(
    (frame) => frame.length === SET_VQUEUE_REQUEST_SIZE && frame[0] === 0 && frame[1] === SET_VQUEUE,
  )
  return settings.length > 0 && settings.every(isRfc3Setting)
}

function isRfc3Setting(frame: Uint8Array): boolean {
  const [flags, size] = [getU32(frame, HEADER_SIZE + 4), getU32(frame, HEADER_SIZE + 8)]
  const hasTable = getU32(frame, HEADER_SIZE + 16) !== 0 || getU32(frame, HEADER_SIZE + 20) !== 0
  return flags === 0 && hasTable && size > 0 && size <= 32768 && (size & (size - 1)) === 0
}

/** A bus that answers GET_DEVICE_INFO as rfc3 does. Only an rfc3 driver goes on here. */
export const RFC3_SCENARIO: Scenario = {
  name: "rfc3",
  what: "GET_DEVICE_INFO is answered with the 24 bytes of the rfc3 draft.",
  respond(reply) {
    if (reply[0] !== TYPE_RESPONSE || reply[1] !== GET_DEVICE_INFO) return [reply]
    const info = reply.subarray(HEADER_SIZE)
    const payload = new Uint8Array(RFC3_INFO_BYTES)
    payload.set(info.subarray(0, 8)) // device id, vendor
    putU32(payload, 8, 32 * getU32(info, 24)) // feature bits instead of blocks
    payload.set(info.subarray(28, 36), 12) // configuration, virtqueues; no administration queue
    const frame = rawFrame(TYPE_RESPONSE, GET_DEVICE_INFO, getU16(reply, 2), payload)
    putToken(frame, getToken(reply))
    return [frame]
  },
}

/** Whether a driver goes on after GET_DEVICE_INFO. */
const goesOn = ({ sent }: { sent: readonly Uint8Array[] }) =>
  sent.some((frame) => frame.length >= HEADER_SIZE && frame[0] === 0 && frame[1] === SET_DEVICE_STATUS)

/**
 * The draft of a driver that does not do its work. It shows in the driver's frames, or because the driver only goes on
 * where GET_DEVICE_INFO is that of rfc3, which `probe` tries. Undefined for a driver of this revision, whatever is
 * wrong with it.
 */
export async function draftOfDriver(
  plain: { readonly sent: readonly Uint8Array[] },
  probe: (scenario: Scenario) => Promise<{ readonly sent: readonly Uint8Array[] }>,
): Promise<string | undefined> {
  const found = firstDraft(plain.sent)
  if (found) return draftSentence(found)
  if (setsQueuesAsRfc3(plain.sent))
    return draftSentence({ draft: "rfc3", sign: "SET_VQUEUE has no flags, and so enables no queue" })
  const isAsking = plain.sent.some((frame) => frame[0] === 0 && frame[1] === GET_DEVICE_INFO)
  if (!isAsking || goesOn(plain) || !goesOn(await probe(RFC3_SCENARIO))) return undefined
  return draftSentence({
    draft: "rfc3",
    sign: `it goes on only where GET_DEVICE_INFO is ${RFC3_INFO_BYTES} bytes`,
  })
}

/** One sentence about the draft. */
export function draftSentence({ draft, sign }: { draft: Draft; sign: string }): string {
  return `this peer speaks the ${draft} draft: ${sign}`
}

/**
 * Asks a peer that does not answer as revision 1 does, in the words of the older drafts. Returns a sentence about the
 * peer. Undefined when it speaks none of them.
 */
export async function recogniseDraft(conversation: Conversation): Promise<string | undefined> {
  const seen = () => firstDraft(conversation.since(0))
  const fixed = new Uint8Array(FIXED_FRAME_BYTES)
  fixed.set([0, ALPHA_INFO_ID])
  const rfc2 = Uint8Array.of(0, GET_DEVICE_INFO, 0, 0, RFC2_HEADER_BYTES, 0)
  for (const question of [undefined, rfc2, fixed]) {
    if (question) conversation.post(question)
    await conversation.waitUntil(() => seen() !== undefined, PATIENCE_MS)
    const found = seen()
    if (found) return draftSentence(found)
  }
  return undefined
}
