// What an observer of a link reports: packets with what is in them, and changes of the link itself. Plain data, so
// that lines, JSON, captures and the page show the same.

import type { Direction } from "../link/link.js"
import type { LinkState } from "../link/tap.js"
import type { MessageDescription } from "./describe-message.js"
import type { Field } from "./field.js"

/** Something worth knowing about a packet or a message. */
export interface Remark {
  /** `breach`: a rule of the specification is broken; `warning`: the link is in trouble; `note`: the rest. */
  readonly severity: "note" | "warning" | "breach"
  readonly text: string
  /** The row of the conformance table that is breached: "V50". */
  readonly row?: string
}

/** What the capture lacks of a packet. */
export interface PacketFlaws {
  /** Nothing shows who sent it. */
  readonly isDirectionUnknown?: boolean
  /** So many bytes at its end were not kept. */
  readonly cutBytes?: number
}

/** A virtio-msg message in a packet. */
export interface MessageEvent {
  readonly kind: "message"
  readonly frame: Uint8Array
  /** Where the frame begins in the packet. */
  readonly offset: number
  readonly message: MessageDescription
  /** The virtio device type of the message's device, -1 when it is not known. */
  readonly deviceId: number
  readonly remarks: readonly Remark[]
  /** Of a response: the number of the packet with its request, and the milliseconds between them. */
  readonly requestNumber?: number
  readonly roundTripMs?: number
}

/** A part of a virtqueue that a span wrote. */
export interface QueueRecord {
  readonly part: "descriptor" | "available ring" | "used ring"
  readonly devNum: number
  readonly queueIndex: number
  /** The number of the descriptor, or of the slot of a ring's element. Absent for a ring's flags and index. */
  readonly index?: number
  /** Offsets count from the start of the part: a descriptor, or a ring. */
  readonly fields: readonly Field[]
}

/** Bytes of the window that the sender changed. */
export interface SpanEvent {
  readonly kind: "span"
  readonly area: number
  /** Where in the area the bytes go. */
  readonly areaOffset: number
  readonly bytes: Uint8Array
  /** Where the bytes begin in the packet. */
  readonly offset: number
  /** What the bytes are, where that is known. Bytes that lie in no ring are the data of a buffer. */
  readonly records: readonly QueueRecord[]
}

/** A chain of descriptors that the driver made available, or that the device used. */
export interface RequestEvent {
  readonly kind: "request"
  readonly phase: "available" | "used"
  readonly devNum: number
  readonly queueIndex: number
  /** The chain's first descriptor. */
  readonly head: number
  /** "virtio-i2c" */
  readonly deviceType: string
  /** In words: "i2c 0x54 read 66". */
  readonly text: string
  /** Offsets count through the readable buffers of the chain, then through the writable ones. */
  readonly fields: readonly Field[]
  /** Whether the device carried it out, if its answer says so. Undefined in phase `available`. */
  readonly ok?: boolean
  /** Of a used chain: the time since it was made available. */
  readonly roundTripMs?: number
  readonly remarks: readonly Remark[]
}

export type PacketContent = MessageEvent | SpanEvent | RequestEvent

export interface PacketEvent {
  readonly kind: "packet"
  /** Counts the packets of a trace, from 1. */
  readonly number: number
  /** Milliseconds, of the clock of whoever observes. */
  readonly timeMs: number
  readonly direction: Direction
  readonly bytes: Uint8Array
  readonly fields: readonly Field[]
  /** Whether it has records. Packets without records only acknowledge. */
  readonly hasData: boolean
  /** Whether its receiver ignores its records: it comes again, too early, or out of another epoch. */
  readonly isIgnored: boolean
  readonly remarks: readonly Remark[]
  /** In the order on the wire. A request comes after the span that announced it. */
  readonly contents: readonly PacketContent[]
}

/** Something that happened to the link, without a packet. */
export interface StateEvent {
  readonly kind: "state"
  readonly timeMs: number
  readonly state: LinkState
  /** In words. */
  readonly text: string
}

export type { LinkState } from "../link/tap.js"

export type TraceEvent = PacketEvent | StateEvent
