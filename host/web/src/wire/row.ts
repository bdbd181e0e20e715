// One rung of the ladder: a message, the memory that a packet carried, a packet without either, or a remark.

import type { MessageDescription } from "../../../src/trace/describe-message.js"
import type { PacketContents, PacketRecord } from "../../../src/trace/packet-records.js"
import type { Direction } from "../../../src/trace/trace.js"
import type { Fate } from "../bench/cable.js"

/** A packet as it was seen on the cable. */
export interface SeenPacket {
  /** Counts from 1. */
  readonly number: number
  readonly atMs: number
  readonly direction: Direction
  readonly bytes: Uint8Array
  readonly contents: PacketContents
  readonly fate: Fate
  /** Sent before, and now again. */
  readonly isRepetition: boolean
}

interface RowBase {
  /** Its place among all rows, from 0. */
  readonly index: number
  readonly atMs: number
}

export interface MessageRow extends RowBase {
  readonly kind: "message"
  readonly packet: SeenPacket
  readonly record: PacketRecord
  readonly frame: Uint8Array
  readonly message: MessageDescription
  /** What its packet wrote into the window just before it. */
  readonly spans: readonly PacketRecord[]
  /** The row of the request that it answers, or of the event that it follows; and how long that took. */
  readonly answers: { readonly index: number; readonly tookMs: number } | undefined
}

export interface MemoryRow extends RowBase {
  readonly kind: "memory"
  readonly packet: SeenPacket
  readonly spans: readonly PacketRecord[]
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
