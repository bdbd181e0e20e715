// Checks what the kernel says on the bridge. A message that breaks the interface ends the session.

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE } from "../../../../shared-protocol/src/messages/header.js"
import { counted } from "../../counted.js"
import { protocolBroken, type VirtioMsgError } from "../../errors.js"
import { hex } from "../../hex.js"
import type { Fields, Struct, StructValues } from "./struct.js"

/**
 * A copy of the frame in a slot: as long as its header says, which is no more than `mostBytes`. Throws PROTOCOL for one that cannot
 * be.
 */
export function frameIn(slot: Uint8Array, mostBytes: number): Uint8Array {
  const size = getU16(slot, 6)
  if (size < HEADER_SIZE || size > Math.min(slot.length, mostBytes))
    throw sessionOver(`The kernel sent a message of ${counted(size, "byte")}.`)
  return slot.slice(0, size)
}

/** A payload, which has to have exactly its size. Throws PROTOCOL otherwise. */
export function payloadOf<F extends Fields>(frame: Uint8Array, payload: Struct<F>): StructValues<F> {
  if (frame.length !== HEADER_SIZE + payload.size || getU16(frame, 2) !== 0)
    throw sessionOver(
      `The kernel sent a message ${hex(frame[1] ?? 0)} of ${counted(frame.length, "byte")} to device ${getU16(frame, 2)}.`,
    )
  return payload.get(frame, HEADER_SIZE)
}

export function sessionOver(sentence: string): VirtioMsgError {
  return protocolBroken(sentence, { hint: "The session is over: attach again." })
}

export function isReservedZero<F extends Fields>(frame: Uint8Array, payload: Struct<F>): boolean {
  return payload.isPaddingZero(frame, HEADER_SIZE)
}
