// Describes a virtio-msg message for people and programs: its name, its fields, and what it says. All that shows
// traces (lines, --json, captures, the page, the conformance suite's reports) uses this.

import {
  decodeHeader,
  EVENT_BIT,
  HEADER_SIZE,
  type Header,
  TYPE_BUS,
  TYPE_RESPONSE,
} from "../../../shared-protocol/src/messages/header.js"
import { hex } from "../hex.js"
import { type Field, FieldReader } from "./field.js"
import { BUS_LAYOUTS, type MessageLayout, readFields, TRANSPORT_LAYOUTS } from "./message-layouts.js"
import { messageWords } from "./message-words.js"

export type MessageKind = "request" | "response" | "event"

/** A message, described. */
export interface MessageDescription {
  /** The specification's name: "GET_VQUEUE"; "message 0x77" for one that it does not define. */
  readonly name: string
  readonly kind: MessageKind
  /** Undefined for bus messages. */
  readonly devNum: number | undefined
  readonly msgId: number
  readonly token: number
  /** What it says, in a line, or why it is malformed. "" when the name says everything. */
  readonly text: string
  /** The fields of the common header, then those of the payload. Offsets count from the start of the frame. */
  readonly fields: readonly Field[]
  /** Why it is malformed; undefined when it is sound. */
  readonly malformed: string | undefined
}

const MALFORMED = "malformed: "

/**
 * Describes a whole frame. Never throws; what is malformed says so. With the virtio device type (34 for I2C) of
 * the device concerned, its own feature bits get their names.
 *
 * @example
 * ```ts
 * import { describeMessage } from "virtio-msg"
 * import { encodePingRequest, PING_SIZE } from "virtio-msg/protocol"
 *
 * const frame = new Uint8Array(PING_SIZE)
 * encodePingRequest(frame, 7)
 * const { name, kind } = describeMessage(frame)
 * console.log(name, kind) // PING request
 * ```
 */
export function describeMessage(frame: Uint8Array, deviceId = -1): MessageDescription {
  const decoded = decodeHeader(frame)
  const rawType = frame[0] ?? 0
  const isBus = (rawType & TYPE_BUS) !== 0
  const isResponse = (rawType & TYPE_RESPONSE) !== 0
  const layout = layoutOf(frame[1] ?? 0, isBus)
  const reader = new FieldReader(frame)
  readHeader(reader, layout?.name)
  if (!decoded.ok)
    return {
      name: layout && frame.length >= 2 ? layout.name : "malformed",
      kind: "event",
      devNum: undefined,
      msgId: frame[1] ?? 0,
      token: 0,
      text: decoded.reason,
      fields: reader.fields,
      malformed: decoded.reason,
    }
  const header = decoded.value
  const payload = new FieldReader(frame, HEADER_SIZE, header.msgSize)
  if (layout) readFields(payload, isResponse ? layout.response : layout.request, deviceId)
  else payload.data("payload")
  const text = messageWords(layout?.name, isResponse, frame, deviceId)
  return {
    name: layout?.name ?? `message ${hex(header.msgId)}`,
    kind: kindOf(header),
    devNum: isBus ? undefined : header.devNum,
    msgId: header.msgId,
    token: header.token,
    text,
    fields: [...reader.fields, ...payload.fields],
    malformed: text.startsWith(MALFORMED) ? text.slice(MALFORMED.length) : undefined,
  }
}

/** Every name that a message can have, for filters. */
export const MESSAGE_NAMES: readonly string[] = [...TRANSPORT_LAYOUTS, ...BUS_LAYOUTS].map(({ name }) => name)

function layoutOf(msgId: number, isBus: boolean): MessageLayout | undefined {
  return (isBus ? BUS_LAYOUTS : TRANSPORT_LAYOUTS).find(({ id }) => id === msgId)
}

/** Implementation-defined bus messages, 0x80 and up, have no event bit: ours is a request. */
function kindOf(header: Header): MessageKind {
  if (header.type & TYPE_RESPONSE) return "response"
  return header.msgId & EVENT_BIT ? "event" : "request"
}

function readHeader(reader: FieldReader, name: string | undefined): void {
  reader.u8("type", (type) =>
    [
      type & TYPE_BUS ? "bus" : "transport",
      type & TYPE_RESPONSE ? "response" : "request or event",
      ...(type & ~(TYPE_BUS | TYPE_RESPONSE) ? ["reserved bits"] : []),
    ].join(", "),
  )
  reader.u8("msg_id", () => name ?? "unknown")
  reader.u16("dev_num")
  reader.u16("token")
  reader.u16("msg_size")
}
