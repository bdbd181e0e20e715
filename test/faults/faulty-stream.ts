// A board's serial port with a bad cable: the whole way of a packet, Jacdac's framing and checksums included, with a
// faulty wire in each direction. The board is the bytecode in the VM, or the device code natively.

import type { Clock } from "../../host/src/clock.js"
import type { Emitter } from "../../host/src/emitter.js"
import { VirtioMsgError } from "../../host/src/errors.js"
import { BoardStream } from "../../host/src/link/board-stream.js"
import type { ByteStream, ByteStreamEvents } from "../../host/src/link/stream-port.js"
import type { Faults } from "./faults.js"
import { FaultyWire } from "./faulty-wire.js"

/** What is at the other end: the VM is one. */
export interface FrameBoard {
  readonly onFrame: Emitter<[frame: Uint8Array]>
  readonly onLog: Emitter<[line: string]>
  sendFrame(frame: Uint8Array): void
}

export class FaultyStream implements ByteStream {
  readonly name = "faulty"
  readonly isSimulated = true
  readonly paceMs: number
  /** The wires of the connection that is open, or was last. */
  toBoard: FaultyWire | undefined
  toHost: FaultyWire | undefined
  isPluggedIn = true

  readonly #clock: Clock
  readonly #random: () => number
  readonly #board: FrameBoard
  #faults: Faults
  #events: ByteStreamEvents | undefined
  #offs: (() => void)[] = []

  constructor(clock: Clock, random: () => number, faults: Faults, board: FrameBoard, paceMs = 2) {
    this.#clock = clock
    this.#random = random
    this.#faults = faults
    this.#board = board
    this.paceMs = paceMs
  }

  async open(events: ByteStreamEvents): Promise<void> {
    if (!this.isPluggedIn) throw new VirtioMsgError("NOT_FOUND", "There is no such port.")
    this.#detach()
    this.#events = events
    const toHost = new FaultyWire(this.#clock, this.#random, this.#faults, (chunk) => events.onData(chunk))
    const end = new BoardStream({
      sendFrame: (frame) => this.#board.sendFrame(frame),
      write: (bytes) => toHost.send(bytes),
    })
    this.toHost = toHost
    this.toBoard = new FaultyWire(this.#clock, this.#random, this.#faults, (chunk) => end.receive(chunk))
    this.#offs = [
      this.#board.onFrame.on((frame) => end.frame(frame)),
      this.#board.onLog.on((line) => end.log(line)),
    ]
  }

  write(bytes: Uint8Array): void {
    this.toBoard?.send(bytes)
  }

  async close(): Promise<void> {
    this.#events = undefined
    this.#detach()
  }

  /** Replaces what goes wrong, also on the connection that is open. */
  setFaults(faults: Faults): void {
    this.#faults = faults
    for (const wire of [this.toBoard, this.toHost]) wire?.setFaults(faults)
  }

  /** Pulls the plug: the port closes, and cannot be opened until `plugIn`. */
  unplug(): void {
    this.isPluggedIn = false
    const events = this.#events
    this.#events = undefined
    this.#detach()
    events?.onClose(new Error("unplugged"))
  }

  plugIn(): void {
    this.isPluggedIn = true
  }

  #detach(): void {
    this.toBoard?.cut()
    this.toHost?.cut()
    for (const off of this.#offs.splice(0)) off()
  }
}
