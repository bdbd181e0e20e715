// A board's bus for a guest that speaks virtio-msg itself. Every message goes on to the board. Whenever the board
// begins a new epoch, the guest gets one, too.

import type { Bus } from "../bus/bus.js"
import type { GuestPort } from "./linux-guest/guest-port.js"
import { type DriverSide, MessageForwarder } from "./message-forwarder.js"

/** The guest's end: a `GuestPort`. */
export type GuestSide = DriverSide & Pick<GuestPort, "begin" | "end">

export class GuestMessageBus {
  readonly forwarder: MessageForwarder
  readonly #port: GuestSide
  readonly #offs: (() => void)[]

  /** From now on the guest's devices are those of `bus`. `onNotice` is told why a guest was disconnected. */
  constructor(bus: Bus, port: GuestSide, onNotice: (sentence: string) => void = () => {}) {
    const forwarder = new MessageForwarder(bus, port)
    this.forwarder = forwarder
    this.#port = port
    const begin = () => {
      const { revision, maxMessageSize, transportFeatures } = bus.hello
      port.begin(
        { revision, maxMessageSize, transportFeatures },
        { onFrame: (frame) => forwarder.take(frame), onConnect: () => forwarder.reset(), onNotice },
      )
    }
    this.#offs = [
      // the guest's requests end at once, and its new ones wait for the board
      bus.onLost.on(() => port.end()),
      bus.onUp.on(begin),
    ]
    begin()
  }

  close(): void {
    for (const off of this.#offs) off()
    this.#port.end()
    this.forwarder.close()
  }
}
