// The plain profile's framing (docs/conform-your-own.md): virtio-msg frames over a byte stream, each behind its length.
//
//   record:   length u16, little-endian; then that many bytes
//   greeting: the first record from the device side, text:
//             "virtio-msg-plain 1 revision=1 max_msg_size=264 features=0 window=65536 file=/dev/shm/window"
//   every other record is one frame; an address is an offset in the file

import { getU16 } from "../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE } from "../../../shared-protocol/src/messages/header.js"
import { joined } from "../bytes.js"
import { counted } from "../counted.js"
import { protocolBroken, VirtioMsgError } from "../errors.js"

export const PLAIN_VERSION = 1
/**
 * The first bytes of the shared file when the device side greets. No file of a user begins like this, so a device
 * cannot make us write to one. Both sides leave these 16 bytes as they are.
 */
export const PLAIN_MARK: Uint8Array = new TextEncoder().encode("virtio-msg-plain")
const LENGTH_BYTES = 2
const LARGEST_RECORD = 0xffff
const GREETING =
  /^virtio-msg-plain (\d+) revision=(\d+) max_msg_size=(\d+) features=(0x[0-9a-f]+|\d+) window=(\d+)(?: polling=([01]))? file=([^\0\n]+)$/i
/** Two areas of at most 32 KiB are enough. In less than this no rings have room. */
const SMALLEST_WINDOW = 4096

/** What the device side says first: the bus parameters (B5), and where the shared memory is. */
export interface PlainGreeting {
  readonly revision: number
  /** Bytes. */
  readonly maxMessageSize: number
  readonly transportFeatures: number
  /** Bytes of the file that both sides map. */
  readonly windowBytes: number
  readonly file: string
  /** Neither EVENT_AVAIL nor EVENT_USED is sent: both sides have to look by themselves. False when absent. */
  readonly isPolling?: boolean
}

/** A record around a frame, or around any bytes up to 65535. */
export function encodeRecord(bytes: Uint8Array): Uint8Array {
  if (bytes.length > LARGEST_RECORD) throw new Error(`a record of ${counted(bytes.length, "byte")}`)
  const record = new Uint8Array(LENGTH_BYTES + bytes.length)
  record.set([bytes.length & 0xff, bytes.length >> 8])
  record.set(bytes, LENGTH_BYTES)
  return record
}

export function encodeGreeting(greeting: PlainGreeting): Uint8Array {
  const { revision, maxMessageSize, transportFeatures, windowBytes, file, isPolling } = greeting
  return new TextEncoder().encode(
    `virtio-msg-plain ${PLAIN_VERSION} revision=${revision} max_msg_size=${maxMessageSize} ` +
      `features=${transportFeatures} window=${windowBytes}${isPolling ? " polling=1" : ""} file=${file}`,
  )
}

/** Reads a greeting. Throws PROTOCOL or VERSION_MISMATCH, and names what `peer` sent instead. */
export function decodeGreeting(bytes: Uint8Array, peer: string): PlainGreeting {
  const text = new TextDecoder().decode(bytes).replace(/\0+$/, "")
  const match = GREETING.exec(text)
  if (!match) {
    const shown = /^[\x20-\x7e]*$/.test(text)
      ? `"${text.slice(0, 60)}"`
      : `${counted(bytes.length, "byte that is no text", "bytes that are no text")}`
    throw protocolBroken(`${peer} does not greet as the plain profile wants, but with ${shown}.`, {
      hint: `The first record is: virtio-msg-plain ${PLAIN_VERSION} revision=1 max_msg_size=264 features=0 window=65536 file=PATH`,
    })
  }
  const [, version, revision, maxMessageSize, features, windowBytes, polling, file = ""] = match
  if (Number(version) !== PLAIN_VERSION)
    throw new VirtioMsgError(
      "VERSION_MISMATCH",
      `${peer} speaks version ${version} of the plain profile, not ${PLAIN_VERSION}.`,
    )
  const greeting = {
    revision: Number(revision),
    maxMessageSize: Number(maxMessageSize),
    transportFeatures: Number(features),
    windowBytes: Number(windowBytes),
    file,
    isPolling: polling === "1",
  }
  if (
    greeting.maxMessageSize < HEADER_SIZE ||
    greeting.maxMessageSize > LARGEST_RECORD ||
    greeting.windowBytes < SMALLEST_WINDOW
  )
    throw protocolBroken(`${peer} greets with limits that cannot be: "${text}".`, {
      hint: `max_msg_size is 52 to 65535, window at least ${SMALLEST_WINDOW} bytes.`,
    })
  return greeting
}

/** Returns a function that cuts a byte stream into records, whatever pieces it comes in. */
export function recordDecoder(onRecord: (bytes: Uint8Array) => void): (chunk: Uint8Array) => void {
  let rest = new Uint8Array(0)
  return (chunk) => {
    const bytes = joined(rest, chunk)
    let at = 0
    while (at + LENGTH_BYTES <= bytes.length) {
      const end = at + LENGTH_BYTES + getU16(bytes, at)
      if (end > bytes.length) break
      onRecord(bytes.slice(at + LENGTH_BYTES, end))
      at = end
    }
    rest = bytes.slice(at)
  }
}
