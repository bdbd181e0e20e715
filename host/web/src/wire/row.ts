// A row of the ladder: a message, the memory that a packet carried, a packet without either, or a remark.

import type { Fate } from "../../../src/link/faulty-link.js"
import type { Direction } from "../../../src/link/link.js"
import type { MessageDescription } from "../../../src/trace/describe-message.js"
import type { PacketContents } from "../../../src/trace/packet-records.js"
import type { Remark, RequestEvent, SpanEvent } from "../../../src/trace/trace-event.js"

/** A packet as it was seen on the cable. */
export interface SeenPacket {
  /** Counts from 1. */
  readonly number: number
  readonly atMs: number
  readonly direction: Direction
  readonly bytes: Uint8Array
  readonly contents: PacketContents
  readonly fate: Fate
  /** Whether it was sent before, and now again. */
  readonly isRepetition: boolean
  /** Whether its receiver took it. False when it was lost, came twice, came too early, or is of another epoch. */
  readonly isTaken: boolean
  /** Remarks about it. */
  readonly remarks: readonly Remark[]
}

interface RowBase {
  /** Its place among all rows, from 0. */
  readonly index: number
  readonly atMs: number
}

interface Writing {
  readonly packet: SeenPacket
  /** What the packet wrote into the window, before its message if there is one. */
  readonly spans: readonly SpanEvent[]
  /** The descriptor chains that this row made available, or gave back. */
  readonly requests: readonly RequestEvent[]
}

export interface MessageRow extends RowBase, Writing {
  readonly kind: "message"
  /** Where the frame begins in the packet, and how long it is. */
  readonly offset: number
  readonly length: number
  readonly message: MessageDescription
  readonly remarks: readonly Remark[]
  /** The row of the request that it answers, or of the event that it follows, and how long that took. */
  readonly answers: { readonly index: number; readonly tookMs: number } | undefined
}

export interface MemoryRow extends RowBase, Writing {
  readonly kind: "memory"
}

/** A packet without records: a heartbeat, an acknowledgement, a wish. */
export interface SignalRow extends RowBase {
  readonly kind: "signal"
  readonly packet: SeenPacket
  readonly text: string
}

export type RemarkTone = "plain" | "good" | "bad"

/** Something that happened beside the messages. */
export interface RemarkRow extends RowBase {
  readonly kind: "remark"
  readonly tone: RemarkTone
  readonly text: string
}

export type Row = MessageRow | MemoryRow | SignalRow | RemarkRow

/** Bytes of memory that a row's packet carried for it. */
export function memoryBytes(spans: readonly SpanEvent[]): number {
  return spans.reduce((sum, span) => sum + span.bytes.length, 0)
}
