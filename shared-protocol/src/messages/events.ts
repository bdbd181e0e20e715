// EVENT_CONFIG, EVENT_AVAIL and EVENT_USED (virtio-msg "EVENT_CONFIG", "EVENT_AVAIL", "EVENT_USED").
//
//   EVENT_CONFIG payload: device_status u32@0, generation u32@4, offset u32@8, length u32@12, data@16 (optional)
//   EVENT_AVAIL payload:  vq_index u32@0, next_offset u32@4 (bits 30:0 offset, bit 31 wrap; 0 unless
//                         VIRTIO_F_NOTIFICATION_DATA was negotiated)
//   EVENT_USED payload:   vq_index u32@0

import { type ByteBuf, copyBytes, getU16, getU32, putU32 } from "../bytes.js"
import type { ConfigData } from "./config.js"
import { type Decoded, decoded, HEADER_SIZE, putHeader, refused, whyNot } from "./header.js"
import { EVENT_AVAIL, EVENT_CONFIG, EVENT_USED } from "./ids.js"

/** Without data. */
export const EVENT_CONFIG_BASE_SIZE = 24
export const EVENT_AVAIL_SIZE = 16
export const EVENT_USED_SIZE = 12

export interface ConfigEvent extends ConfigData {
  readonly deviceStatus: number
  /** Whether the changed bytes are in the message; without them `data` holds none of the range's. */
  readonly hasData: boolean
}

export interface AvailEvent {
  readonly vqIndex: number
  /** The raw field; 0 without VIRTIO_F_NOTIFICATION_DATA (D59). */
  readonly nextOffset: number
}

export function encodeEventConfig(frame: ByteBuf, devNum: number, event: ConfigEvent): number {
  const size = EVENT_CONFIG_BASE_SIZE + (event.hasData ? event.length : 0)
  putHeader(frame, 0, EVENT_CONFIG, devNum, size)
  putU32(frame, HEADER_SIZE, event.deviceStatus)
  putU32(frame, HEADER_SIZE + 4, event.generation)
  putU32(frame, HEADER_SIZE + 8, event.offset)
  putU32(frame, HEADER_SIZE + 12, event.length)
  if (event.hasData) copyBytes(frame, EVENT_CONFIG_BASE_SIZE, event.data, event.dataOffset, event.length)
  return size
}

/** Whether the range's data is present shows only in msg_size: 24, or 24 and the whole length. */
export function decodeEventConfig(frame: ByteBuf): Decoded<ConfigEvent> {
  const reason = whyNot(frame, 0, EVENT_CONFIG, EVENT_CONFIG_BASE_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  const rawLength = getU32(frame, HEADER_SIZE + 12)
  const held = getU16(frame, 6) - EVENT_CONFIG_BASE_SIZE
  if (held !== 0 && held < rawLength) return refused(`data of length ${held} for a range of ${rawLength}`)
  return decoded({
    deviceStatus: getU32(frame, HEADER_SIZE),
    generation: getU32(frame, HEADER_SIZE + 4),
    offset: getU32(frame, HEADER_SIZE + 8),
    length: rawLength,
    hasData: held !== 0 && rawLength !== 0,
    data: frame,
    dataOffset: EVENT_CONFIG_BASE_SIZE,
  })
}

export function encodeEventAvail(frame: ByteBuf, devNum: number, event: AvailEvent): number {
  putHeader(frame, 0, EVENT_AVAIL, devNum, EVENT_AVAIL_SIZE)
  putU32(frame, HEADER_SIZE, event.vqIndex)
  putU32(frame, HEADER_SIZE + 4, event.nextOffset)
  return EVENT_AVAIL_SIZE
}

export function decodeEventAvail(frame: ByteBuf): Decoded<AvailEvent> {
  const reason = whyNot(frame, 0, EVENT_AVAIL, EVENT_AVAIL_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  return decoded({ vqIndex: getU32(frame, HEADER_SIZE), nextOffset: getU32(frame, HEADER_SIZE + 4) })
}

export function encodeEventUsed(frame: ByteBuf, devNum: number, vqIndex: number): number {
  putHeader(frame, 0, EVENT_USED, devNum, EVENT_USED_SIZE)
  putU32(frame, HEADER_SIZE, vqIndex)
  return EVENT_USED_SIZE
}

export function decodeEventUsed(frame: ByteBuf): Decoded<number> {
  const reason = whyNot(frame, 0, EVENT_USED, EVENT_USED_SIZE - HEADER_SIZE)
  if (reason !== "") return refused(reason)
  return decoded(getU32(frame, HEADER_SIZE))
}
