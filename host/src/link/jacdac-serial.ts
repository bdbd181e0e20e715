// Jacdac's framing of a byte stream, as DeviceScript boards speak it over USB serial:
//
//   FE FC  a frame begins      FE FD  it ends          FE F8  the byte FE itself
//   FE FB  the board dropped frames        FE FA  the board dropped log text        FE F9  reserved
//
// Bytes between frames are the board's log text.

import { encodeBroadcast, MAX_FRAME_SIZE } from "./jacdac-frame.js"

const MARK = 0xfe
const LITERAL = 0xf8
const RESERVED = 0xf9
const LOG_GAP = 0xfa
const FRAME_GAP = 0xfb
const BEGIN = 0xfc
const END = 0xfd

/** Boards forward no frames until this was sent to their USB bridge. */
export const USB_BRIDGE_CLASS = 0x18f61a4a
export const ENABLE_PACKETS_COMMAND = 0x81

/** The longest log line that is kept; the rest of a longer one is dropped. */
const MAX_LOG_LINE = 400

export interface SerialDecoderEvents {
  /** A frame, complete as far as the framing tells; its checksum is not checked here. */
  onFrame(frame: Uint8Array): void
  onLog(line: string): void
  /** The board says that it dropped frames. */
  onGap(): void
}

export function encodeSerialFrame(frame: Uint8Array): Uint8Array {
  let length = frame.length + 4
  for (const byte of frame) if (byte === MARK) length++
  const bytes = new Uint8Array(length)
  bytes[0] = MARK
  bytes[1] = BEGIN
  let at = 2
  for (const byte of frame) {
    bytes[at++] = byte
    if (byte === MARK) bytes[at++] = LITERAL
  }
  bytes[at++] = MARK
  bytes[at] = END
  return bytes
}

/** What a host sends first, so that the board forwards frames. */
export function encodeEnablePackets(): Uint8Array {
  return encodeSerialFrame(encodeBroadcast(USB_BRIDGE_CLASS, ENABLE_PACKETS_COMMAND, new Uint8Array(0)))
}

/**
 * Takes a byte stream apart, in chunks of any size. Never throws; after garbage it is in step again at the
 * next frame's beginning.
 */
export class SerialDecoder {
  readonly #events: SerialDecoderEvents
  #isMarked = false
  #isInFrame = false
  #frame = new Uint8Array(MAX_FRAME_SIZE)
  #length = 0
  #log = ""

  constructor(events: SerialDecoderEvents) {
    this.#events = events
  }

  push(chunk: Uint8Array): void {
    for (const byte of chunk) {
      if (this.#isMarked) this.#control(byte)
      else if (byte === MARK) this.#isMarked = true
      else this.#data(byte)
    }
  }

  #control(byte: number): void {
    this.#isMarked = false
    switch (byte) {
      case LITERAL:
        this.#data(MARK)
        return
      case BEGIN:
        this.#isInFrame = true
        this.#length = 0
        return
      case END:
        if (this.#isInFrame) this.#events.onFrame(this.#frame.slice(0, this.#length))
        this.#isInFrame = false
        return
      case FRAME_GAP:
        this.#events.onGap()
        return
      case LOG_GAP:
      case RESERVED:
        return
      case MARK:
        this.#isMarked = true // the first of the two marks was noise
        return
      default:
        this.#isInFrame = false // noise inside a frame
    }
  }

  #data(byte: number): void {
    if (this.#isInFrame) {
      if (this.#length < MAX_FRAME_SIZE) this.#frame[this.#length++] = byte
      else this.#isInFrame = false
    } else if (byte === 10) {
      this.#events.onLog(this.#log)
      this.#log = ""
    } else if (isVisible(byte) && this.#log.length < MAX_LOG_LINE) this.#log += String.fromCharCode(byte)
  }
}

/** 0x80 to 0x9f are control characters as well: 0x9b begins what ESC [ begins. */
function isVisible(byte: number): boolean {
  return (byte >= 0x20 && byte < 0x7f) || byte >= 0xa0
}
