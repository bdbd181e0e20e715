// The cable between the two processors. It can be watched and disturbed. It carries Jacdac frames, so it damages frames
// on the wire. The checksum finds the damage, as it would on a board.

import { PROBE_EPOCH } from "../../../../shared-protocol/src/mailbox/packet.js"
import { type Clock, delay } from "../../../src/clock.js"
import { Emitter } from "../../../src/emitter.js"
import { type Fate, FaultyLink } from "../../../src/link/faulty-link.js"
import { decodeFrame } from "../../../src/link/jacdac-frame.js"
import { type FramePort, PACKET_COMMAND } from "../../../src/link/jacdac-link.js"
import type { Direction, LinkEvents } from "../../../src/link/link.js"
import { readPacket } from "../../../src/trace/packet-records.js"

export class Cable extends FaultyLink {
  /** A mailbox packet was put on the wire. */
  readonly onPacket = new Emitter<[direction: Direction, packet: Uint8Array, fate: Fate]>()
  /** Settles when the port is open: the board then has power. */
  readonly opened: Promise<void>
  readonly #clock: Clock
  #onOpened: () => void = () => {}

  /** A frame takes `latencyMs`. With 0 it is passed on at once. */
  constructor(port: FramePort, clock: Clock, latencyMs: number) {
    super(port, clock, Math.random)
    this.#clock = clock
    this.setFaults({ latencyMs })
    this.opened = new Promise((resolve) => {
      this.#onOpened = resolve
    })
    this.onFate.on((direction, frame, fate) => {
      for (const packet of decodeFrame(frame))
        if (packet.command === PACKET_COMMAND && packet.isCommand === (direction === "out"))
          if (readPacket(packet.payload)?.epoch !== PROBE_EPOCH)
            this.onPacket.emit(direction, packet.payload, fate)
    })
  }

  override async open(events: LinkEvents): Promise<void> {
    await super.open(events)
    this.#onOpened()
  }

  /** Lets nothing through for this time. Resolves when the cable works again. */
  async cutFor(durationMs: number): Promise<void> {
    this.cut()
    await delay(this.#clock, durationMs)
    this.mend()
  }
}
