// Writes pcapng blocks (draft-ietf-opsawg-pcapng): a section header, two interfaces, then packets, and between them
// what became of the link. Written by hand, because no maintained library on npm writes pcapng, and it is only four
// kinds of block.

import { joined } from "../bytes.js"
import type { Direction } from "../link/link.js"
import type { StateEvent } from "./trace-event.js"

/** Link type USER0: Wireshark shows it by the dissector in host/wireshark. */
export const LINKTYPE_USER0 = 147

/** Each packet belongs to the interface of its sender. */
export const INTERFACES = [
  { name: "A7", description: "The driver side: packets from the A7 to the M4", direction: "out" },
  { name: "M4", description: "The device side: packets from the M4 to the A7", direction: "in" },
] as const

const BLOCK_SECTION = 0x0a0d0d0a
const BLOCK_INTERFACE = 1
const BLOCK_STATISTICS = 5
const BLOCK_PACKET = 6
const BYTE_ORDER_MAGIC = 0x1a2b3c4d

const OPTION_END = 0
const OPTION_COMMENT = 1
const OPTION_IF_NAME = 2
const OPTION_IF_DESCRIPTION = 3
const OPTION_USER_APPLICATION = 4
const OPTION_TIME_RESOLUTION = 9
const OPTION_PACKET_FLAGS = 2
/** Time stamps count microseconds. */
const MICROSECONDS = 6
/** epb_flags bits 0 and 1. */
const FLAG_INBOUND = 1
const FLAG_OUTBOUND = 2

type Option = readonly [code: number, value: Uint8Array]

/** The beginning of a capture. `application` says who wrote it: "virtio-msg 0.1.0". */
export function encodeCaptureHeader(application: string): Uint8Array {
  const section = new Uint8Array(16)
  const view = new DataView(section.buffer)
  view.setUint32(0, BYTE_ORDER_MAGIC, true)
  view.setUint16(4, 1, true) // version 1.0
  view.setBigInt64(8, -1n, true) // the section's length is not known
  return joined(
    block(BLOCK_SECTION, section, [[OPTION_USER_APPLICATION, text(application)]]),
    ...INTERFACES.map(({ name, description }) => {
      const body = new Uint8Array(8)
      new DataView(body.buffer).setUint16(0, LINKTYPE_USER0, true)
      return block(BLOCK_INTERFACE, body, [
        [OPTION_IF_NAME, text(name)],
        [OPTION_IF_DESCRIPTION, text(description)],
        [OPTION_TIME_RESOLUTION, Uint8Array.of(MICROSECONDS)],
      ])
    }),
  )
}

export interface CapturedPacket {
  /** Milliseconds since 1970. */
  readonly timeMs: number
  readonly direction: Direction
  readonly bytes: Uint8Array
  readonly comments: readonly string[]
}

/** One packet of a capture. */
export function encodeCapturedPacket({ timeMs, direction, bytes, comments }: CapturedPacket): Uint8Array {
  const body = new Uint8Array(20 + padded(bytes.length))
  const view = new DataView(body.buffer)
  view.setUint32(
    0,
    INTERFACES.findIndex((candidate) => candidate.direction === direction),
    true,
  )
  putTime(view, 4, timeMs)
  view.setUint32(12, bytes.length, true)
  view.setUint32(16, bytes.length, true)
  body.set(bytes, 20)
  const flags = Uint8Array.of(direction === "out" ? FLAG_OUTBOUND : FLAG_INBOUND, 0, 0, 0)
  return block(BLOCK_PACKET, body, [
    [OPTION_PACKET_FLAGS, flags],
    ...comments.map((comment): Option => [OPTION_COMMENT, text(comment)]),
  ])
}

/**
 * What became of the link, as statistics of the driver's interface with a comment, "link closed: ...". So it is where
 * it happened, even if no packet follows that could have the comment.
 */
export function encodeLinkState({ timeMs, state, text: words }: Omit<StateEvent, "kind">): Uint8Array {
  const body = new Uint8Array(12)
  putTime(new DataView(body.buffer), 4, timeMs)
  return block(BLOCK_STATISTICS, body, [[OPTION_COMMENT, text(`link ${state}: ${words}`)]])
}

/** A time stamp's two halves, the upper one first. */
function putTime(view: DataView, at: number, timeMs: number): void {
  const time = BigInt(Math.round(timeMs * 1000))
  view.setUint32(at, Number(time >> 32n), true)
  view.setUint32(at + 4, Number(time & 0xffffffffn), true)
}

function block(type: number, body: Uint8Array, options: readonly Option[]): Uint8Array {
  const encoded = [...options, [OPTION_END, new Uint8Array(0)] as const].map(([code, value]) => {
    const option = new Uint8Array(4 + padded(value.length))
    const view = new DataView(option.buffer)
    view.setUint16(0, code, true)
    view.setUint16(2, value.length, true)
    option.set(value, 4)
    return option
  })
  const frame = new Uint8Array(8)
  const tail = new Uint8Array(4)
  const whole = joined(frame, body, ...encoded, tail)
  const view = new DataView(whole.buffer)
  view.setUint32(0, type, true)
  view.setUint32(4, whole.length, true)
  view.setUint32(whole.length - 4, whole.length, true)
  return whole
}

function padded(length: number): number {
  return (length + 3) & ~3
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}
