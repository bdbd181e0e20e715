// The cable between the two processors, as something to look into and to tamper with. It carries Jacdac frames, so
// what it damages is a frame on the wire, and what finds the damage is what would find it on a board: the checksum.

import { PROBE_EPOCH } from "../../../../shared-protocol/src/mailbox/packet.js"
import type { Clock } from "../../../src/clock.js"
import { Emitter } from "../../../src/emitter.js"
import { decodeFrame } from "../../../src/link/jacdac-frame.js"
import { type FramePort, type FramePortEvents, PACKET_COMMAND } from "../../../src/link/jacdac-link.js"
import type { Direction } from "../../../src/link/link.js"
import { readPacket } from "../../../src/trace/packet-records.js"

/** What became of a packet on its way. */
export type Fate = "delivered" | "dropped" | "damaged" | "cut"

export interface CableOptions {
  /** How long a frame is under way; 0 hands it on at once. */
  readonly delayMs: number
  /** 0 <= x < 1 */
  readonly random: () => number
}

export class Cable implements FramePort {
  /** A mailbox packet was put on the wire. */
  readonly onPacket = new Emitter<[direction: Direction, packet: Uint8Array, fate: Fate]>()
  readonly name: string
  readonly isSimulated: boolean
  /** The part of all frames that get lost, or of which a bit is turned: 0 to 1. */
  dropRate = 0
  damageRate = 0

  /** Settles when the port is open: the board has its power. */
  readonly opened: Promise<void>

  readonly #port: FramePort
  readonly #clock: Clock
  readonly #options: CableOptions
  #isCut = false
  #onOpened: () => void = () => {}

  constructor(port: FramePort, clock: Clock, options: CableOptions) {
    this.name = port.name
    this.isSimulated = port.isSimulated
    this.#port = port
    this.#clock = clock
    this.#options = options
    this.opened = new Promise((resolve) => {
      this.#onOpened = resolve
    })
  }

  async open(events: FramePortEvents): Promise<void> {
    await this.#port.open({
      onLog: (line) => events.onLog(line),
      onClose: (reason) => events.onClose(reason),
      onFrame: (frame) => this.#carry("in", frame, (arrived) => events.onFrame(arrived)),
    })
    this.#onOpened()
  }

  sendFrame(frame: Uint8Array): void {
    this.#carry("out", frame, (arrived) => this.#port.sendFrame(arrived))
  }

  close(): Promise<void> {
    return this.#port.close()
  }

  get isCut(): boolean {
    return this.#isCut
  }

  /** Lets nothing through for so long. Resolves when the cable is whole again. */
  async cut(durationMs: number): Promise<void> {
    this.#isCut = true
    await new Promise<void>((resolve) => {
      this.#clock.schedule(durationMs, resolve)
    })
    this.#isCut = false
  }

  #carry(direction: Direction, frame: Uint8Array, arrive: (frame: Uint8Array) => void): void {
    const fate = this.#decide()
    for (const packet of decodeFrame(frame))
      if (packet.command === PACKET_COMMAND && packet.isCommand === (direction === "out"))
        if (readPacket(packet.payload)?.epoch !== PROBE_EPOCH)
          this.onPacket.emit(direction, packet.payload, fate)
    if (fate === "dropped" || fate === "cut") return
    const arriving = fate === "damaged" ? this.#damage(frame) : frame
    if (this.#options.delayMs === 0) arrive(arriving)
    else this.#clock.schedule(this.#options.delayMs, () => arrive(arriving))
  }

  #decide(): Fate {
    if (this.#isCut) return "cut"
    const chance = this.#options.random()
    if (chance < this.dropRate) return "dropped"
    return chance < this.dropRate + this.damageRate ? "damaged" : "delivered"
  }

  /** The frame with one bit turned. */
  #damage(frame: Uint8Array): Uint8Array {
    const bits = Math.floor(this.#options.random() * frame.length * 8)
    return frame.map((byte, at) => (at === bits >> 3 ? byte ^ (1 << (bits & 7)) : byte))
  }
}
