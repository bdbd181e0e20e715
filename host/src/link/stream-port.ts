// Jacdac frames over a byte stream: a serial port, a pseudo-terminal, a socket. The caller brings the stream.

import type { Clock } from "../clock.js"
import { connectFailed, type VirtioMsgError } from "../errors.js"
import { type FarEnd, farEndOf } from "./far-end.js"
import type { FramePort } from "./jacdac-link.js"
import { encodeEnablePackets, encodeSerialFrame, SerialDecoder } from "./jacdac-serial.js"
import type { CloseReason, LinkEvents } from "./link.js"

export interface ByteStreamEvents {
  onData(chunk: Uint8Array): void
  /** The stream ended by itself. Called at most once, and not after `close`. */
  onClose(reason: CloseReason): void
}

/** Bytes, both ways. */
export interface ByteStream {
  readonly name: string
  readonly isSimulated: boolean
  /** As in `Link`. */
  readonly farEnd?: FarEnd | undefined
  /**
   * The sender waits so long between two full frames, in milliseconds: stock firmware on a board loses full frames
   * that follow each other within 2 ms. 0 where nothing is lost.
   */
  readonly paceMs: number
  open(events: ByteStreamEvents): Promise<void>
  write(bytes: Uint8Array): void
  close(): Promise<void>
}

/** What a board behind a socket says to a second host, as log text, before it closes the connection. */
export const BOARD_IN_USE_LINE = "virtio-msg: another program uses this board"

/** Frames shorter than this need no pause behind them. */
const SHORT_FRAME_SIZE = 128
/** So many frames may wait for these pauses: those of a second, more than a whole program has. */
const MOST_WAITING_FRAMES = 1000

export class StreamPort implements FramePort {
  readonly name: string
  readonly isSimulated: boolean
  readonly farEnd: FarEnd
  /** How often the board said that it dropped frames. */
  gapCount = 0
  /** Frames that were dropped because too many waited. */
  droppedCount = 0

  readonly #stream: ByteStream
  readonly #clock: Clock
  #isOpen = false
  /** Frames that wait for a pause to end. */
  #waiting: Uint8Array[] = []
  #isPausing = false

  constructor(stream: ByteStream, clock: Clock) {
    this.name = stream.name
    this.isSimulated = stream.isSimulated
    this.farEnd = farEndOf(stream)
    this.#stream = stream
    this.#clock = clock
  }

  async open(events: LinkEvents): Promise<void> {
    let isInUse = false
    const decoder = new SerialDecoder({
      onFrame: (frame) => events.onPacket(frame),
      onLog: (line) => {
        isInUse = line === BOARD_IN_USE_LINE
        if (!isInUse) events.onLog?.(line)
      },
      onGap: () => {
        this.gapCount++
      },
    })
    await this.#stream.open({
      onData: (chunk) => decoder.push(chunk),
      onClose: (reason) => {
        this.#isOpen = false
        events.onClose(isInUse ? inUse(this.name, reason) : reason)
      },
    })
    this.#isOpen = true
    this.#stream.write(encodeEnablePackets())
  }

  send(frame: Uint8Array): void {
    if (!this.#isOpen) return
    if (!this.#isPausing) this.#write(frame)
    else if (this.#waiting.length < MOST_WAITING_FRAMES) this.#waiting.push(frame)
    else this.droppedCount++ // as on the wire: what has to arrive will be sent again
  }

  async close(): Promise<void> {
    this.#isOpen = false
    this.#waiting = []
    await this.#stream.close()
  }

  #write(frame: Uint8Array): void {
    this.#stream.write(encodeSerialFrame(frame))
    if (this.#stream.paceMs === 0 || frame.length < SHORT_FRAME_SIZE) return
    this.#isPausing = true
    this.#clock.schedule(this.#stream.paceMs, () => {
      this.#isPausing = false
      while (this.#isOpen && !this.#isPausing) {
        const next = this.#waiting.shift()
        if (!next) return
        this.#write(next)
      }
    })
  }
}

/** The error of a second host. */
export function inUse(name: string, cause: CloseReason): VirtioMsgError {
  return connectFailed(`Another program uses the board on ${name}.`, {
    hint: "A board has one host at a time: end that program first.",
    cause,
  })
}
