// The common header of every virtio-msg message (virtio-msg "Common Message Format").
//
//   offset size
//   0      u8   type: bit 0 response, bit 1 bus message, bits 2..7 zero when sent and ignored when received
//   1      u8   msg_id
//   2      le16 dev_num: the device's number; 0 in bus messages
//   4      le16 token: the bus's; drivers and devices never read it
//   6      le16 msg_size: header and payload

import { type ByteBuf, getU16, putU16 } from "../bytes.js"

/** Bytes of the common header. */
export const HEADER_SIZE = 8
/** The least maximum message size that a bus may advertise. */
export const MIN_MAX_MESSAGE_SIZE = 52
/** The transport revision that this package implements. */
export const TRANSPORT_REVISION = 1

/** Bit 0 of `type`: set in responses, clear in requests and events. */
export const TYPE_RESPONSE = 1
/** Bit 1 of `type`: set in bus messages, clear in transport messages. */
export const TYPE_BUS = 2
/** Bit 6 of `msg_id`: the message is an event. */
export const EVENT_BIT = 0x40

export interface Header {
  /** Bits 0 and 1 only: the reserved bits are dropped (V22, D14). */
  readonly type: number
  readonly msgId: number
  readonly devNum: number
  readonly token: number
  /** Header and payload, in bytes. */
  readonly msgSize: number
}

/** A decoder's answer: the value, or the reason why the bytes are no such message. Decoders never throw. */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string }

/** Wraps a decoded value. */
export function decoded<T>(value: T): Decoded<T> {
  return { ok: true, value }
}

/** Wraps a reason for refusing. */
export function refused<T>(reason: string): Decoded<T> {
  return { ok: false, reason }
}

/**
 * Writes a header with token 0 and returns `msgSize`. The bus stamps the token afterwards.
 * Throws when the message does not fit `frame`: that is a mistake of the caller.
 */
export function putHeader(
  frame: ByteBuf,
  type: number,
  msgId: number,
  devNum: number,
  msgSize: number,
): number {
  if (frame.length < msgSize) throw new Error(`a message of ${msgSize} bytes into ${frame.length} bytes`)
  frame[0] = type
  frame[1] = msgId
  putU16(frame, 2, devNum)
  putU16(frame, 4, 0)
  putU16(frame, 6, msgSize)
  return msgSize
}

/** The token of a frame. Only a bus reads or writes it (B25, V26, D18). */
export function getToken(frame: ByteBuf): number {
  return getU16(frame, 4)
}

/** Stamps a token into a frame. */
export function putToken(frame: ByteBuf, token: number): void {
  putU16(frame, 4, token)
}

/**
 * Reads the header of the frame that starts at index 0 and may be followed by the bus's padding (V25).
 *
 * @example
 * ```ts
 * import { decodeHeader } from "virtio-msg/protocol"
 *
 * const header = decodeHeader(Uint8Array.of(2, 3, 0, 0, 9, 0, 12, 0, 7, 0, 0, 0))
 * console.log(header.ok ? header.value.token : header.reason) // 9
 * ```
 */
export function decodeHeader(frame: ByteBuf): Decoded<Header> {
  if (frame.length < HEADER_SIZE)
    return refused(`length ${frame.length} is too short for a header of ${HEADER_SIZE}`)
  const msgSize = getU16(frame, 6)
  if (msgSize < HEADER_SIZE) return refused(`msg_size ${msgSize} is below the header's ${HEADER_SIZE} bytes`)
  if (msgSize > frame.length)
    return refused(`msg_size ${msgSize} is more than what was received, ${frame.length}`)
  return decoded({
    type: frame[0] & 3,
    msgId: frame[1],
    devNum: getU16(frame, 2),
    token: getU16(frame, 4),
    msgSize,
  })
}

/**
 * Says why `frame` is not a message of this type and id with at least `payloadSize` bytes of payload;
 * "" when it is. A longer payload is accepted and its rest ignored, so that a later revision can extend one.
 */
export function whyNot(frame: ByteBuf, type: number, msgId: number, payloadSize: number): string {
  const header = decodeHeader(frame)
  if (header.ok === false) return header.reason
  if (header.value.type !== type) return `type ${header.value.type} where ${type} is expected`
  if (header.value.msgId !== msgId) return `msg_id ${header.value.msgId} where ${msgId} is expected`
  if (header.value.msgSize < HEADER_SIZE + payloadSize)
    return `msg_size ${header.value.msgSize} is below the ${HEADER_SIZE + payloadSize} bytes of this message`
  return ""
}
