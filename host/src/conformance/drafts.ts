// Peers of older drafts, recognised by what they say: the layouts of the text moved several times before revision 1.
//
//   alpha, rfc1: 4-byte header (type, msg_id, dev_id), every message 40 bytes
//   rfc2:        6-byte header (type, msg_id, dev_num, msg_size)
//   rfc3, pr28:  8-byte header as now; GET_DEVICE_INFO is 24 bytes, SET_VQUEUE has no flags

import { getU16 } from "../../../shared-protocol/src/bytes.js"
import { GET_DEVICE_INFO } from "../../../shared-protocol/src/messages/ids.js"
import type { Conversation } from "./conversation.js"

const FIXED_FRAME_BYTES = 40
const RFC2_HEADER_BYTES = 6
/** Payload of GET_DEVICE_INFO in rfc3: device, vendor, features, configuration, queues, administration queues. */
const RFC3_INFO_BYTES = 24
const ALPHA_INFO_ID = 0x02
/** How long an older peer gets to answer a message of its own draft. */
const PATIENCE_MS = 300

export type Draft = "alpha or rfc1" | "rfc2" | "rfc3"

/** The draft that a frame belongs to, if it can only be one of an older draft; undefined otherwise. */
export function draftOf(frame: Uint8Array): { draft: Draft; sign: string } | undefined {
  const [type = 0, msgId = 0] = frame
  if (type > 3) return undefined
  const isInfo = (type & 2) === 0 && msgId === GET_DEVICE_INFO
  if (
    frame.length === FIXED_FRAME_BYTES &&
    getU16(frame, 6) !== frame.length &&
    getU16(frame, 4) !== frame.length
  )
    return { draft: "alpha or rfc1", sign: "its messages have a fixed 40 bytes and a 4-byte header" }
  if (
    frame.length >= RFC2_HEADER_BYTES &&
    getU16(frame, 4) === frame.length &&
    !(frame.length >= 8 && getU16(frame, 6) === frame.length)
  )
    return {
      draft: "rfc2",
      sign: "its header has 6 bytes: msg_size stands at offset 4, and there is no token",
    }
  if (frame.length >= 8 && isInfo && (type & 1) === 1 && getU16(frame, 6) === 8 + RFC3_INFO_BYTES)
    return { draft: "rfc3", sign: `GET_DEVICE_INFO is ${RFC3_INFO_BYTES} bytes` }
  return undefined
}

/** One sentence about the draft. */
export function draftSentence({ draft, sign }: { draft: Draft; sign: string }): string {
  return `this peer speaks the ${draft} draft: ${sign}`
}

/**
 * Asks a peer that does not answer as revision 1 does, in the words of the older drafts; the sentence about it, or
 * undefined when it speaks none of them.
 */
export async function recogniseDraft(conversation: Conversation): Promise<string | undefined> {
  const seen = () => {
    for (const frame of conversation.since(0)) {
      const found = draftOf(frame)
      if (found) return found
    }
    return undefined
  }
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
