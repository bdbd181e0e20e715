// A board's serial port with a bad cable: the whole way of a packet, Jacdac's framing and checksums included, with a
// noisy link around the board's end. The board is the bytecode in the VM, or the device code natively.

import type { Clock } from "../../host/src/clock.js"
import type { Emitter } from "../../host/src/emitter.js"
import { VirtioMsgError } from "../../host/src/errors.js"
import { BoardStream } from "../../host/src/link/board-stream.js"
import { BOARD_ON_A_CABLE } from "../../host/src/link/far-end.js"
import type { Link, LinkEvents } from "../../host/src/link/link.js"
import type { ByteStream, ByteStreamEvents } from "../../host/src/link/stream-port.js"
import type { Faults } from "./faults.js"
import { NoisyLink } from "./noisy-link.js"
import { wholeNumber } from "./seeded-random.js"

/** What is at the other end: the VM is one. */
export interface FrameBoard {
  readonly onFrame: Emitter<[frame: Uint8Array]>
  readonly onLog: Emitter<[line: string]>
  sendFrame(frame: Uint8Array): void
}

/** The board's end of its serial port, as a link whose packets are what is written at once. */
class BoardEnd implements Link {
  readonly name = "faulty"
  readonly isSimulated = true
  readonly #board: FrameBoard
  readonly #random: () => number
  #end: BoardStream | undefined
  #offs: (() => void)[] = []

  constructor(board: FrameBoard, random: () => number) {
    this.#board = board
    this.#random = random
  }

  async open(events: LinkEvents): Promise<void> {
    await this.close()
    const end = new BoardStream({
      sendFrame: (frame) => this.#board.sendFrame(frame),
      write: (bytes) => events.onPacket(bytes),
    })
    this.#end = end
    this.#offs = [
      this.#board.onFrame.on((frame) => end.frame(frame)),
      this.#board.onLog.on((line) => end.log(line)),
    ]
  }

  send(bytes: Uint8Array): void {
    for (const chunk of chunks(bytes, this.#random)) this.#end?.receive(chunk)
  }

  async close(): Promise<void> {
    for (const off of this.#offs.splice(0)) off()
  }
}

export class FaultyStream implements ByteStream {
  readonly name = "faulty"
  readonly isSimulated = true
  readonly farEnd = BOARD_ON_A_CABLE
  readonly paceMs: number
  readonly wire: NoisyLink
  isPluggedIn = true
  readonly #random: () => number
  #events: ByteStreamEvents | undefined

  constructor(clock: Clock, random: () => number, faults: Faults, board: FrameBoard, paceMs = 2) {
    this.#random = random
    this.wire = new NoisyLink(new BoardEnd(board, random), clock, random, faults)
    this.paceMs = paceMs
  }

  async open(events: ByteStreamEvents): Promise<void> {
    if (!this.isPluggedIn) throw new VirtioMsgError("NOT_FOUND", "There is no such port.")
    this.#events = events
    await this.wire.open({
      onPacket: (bytes) => {
        for (const chunk of chunks(bytes, this.#random)) events.onData(chunk)
      },
      onClose: () => {},
    })
  }

  write(bytes: Uint8Array): void {
    this.wire.send(bytes)
  }

  async close(): Promise<void> {
    this.#events = undefined
    await this.wire.close()
  }

  /** Replaces what goes wrong, also on the connection that is open. */
  setFaults(faults: Faults): void {
    this.wire.setNoise(faults)
  }

  /** Pulls the plug: the port closes, and cannot be opened until `plugIn`. */
  unplug(): void {
    this.isPluggedIn = false
    const events = this.#events
    void this.close()
    events?.onClose(new Error("unplugged"))
  }

  plugIn(): void {
    this.isPluggedIn = true
  }
}

/** A stream has no frames: what arrives ends anywhere. */
function chunks(bytes: Uint8Array, random: () => number): Uint8Array[] {
  if (bytes.length === 0) return []
  const cut = random() < 0.1 ? wholeNumber(random, 0, bytes.length) : bytes.length
  return [bytes.subarray(0, cut), bytes.subarray(cut)].filter(({ length }) => length > 0)
}
