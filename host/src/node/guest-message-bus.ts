// A board's bus for a guest that speaks virtio-msg itself. Every message goes on to the board. Whenever the board
// begins a new epoch, the guest gets one, too.

import type { Bus } from "../bus/bus.js"
import type { GuestPort } from "./linux-guest/guest-port.js"
import { type DriverSide, MessageForwarder } from "./message-forwarder.js"

/** The guest's end: a `GuestPort`. */
export type GuestSide = DriverSide & Pick<GuestPort, "begin" | "end">

/**
 * From now on, until `close` is called, the guest's devices are those of `bus`. `onNotice` is told why a guest was
 * disconnected.
 */
export function openGuestMessageBus(
  bus: Bus,
  port: GuestSide,
  onNotice: (sentence: string) => void = () => {},
) {
  const forwarder = new MessageForwarder(bus, port)
  const begin = () => {
    const { revision, maxMessageSize, transportFeatures } = bus.hello
    port.begin(
      { revision, maxMessageSize, transportFeatures },
      { onFrame: (frame) => forwarder.take(frame), onConnect: () => forwarder.reset(), onNotice },
    )
  }
  // the guest's requests end at once, and its new ones wait for the board
  const offs = [bus.onLost.on(() => port.end()), bus.onUp.on(begin)]
  begin()
  return {
    forwarder,
    close() {
      for (const off of offs) off()
      port.end()
      forwarder.close()
    },
  }
}
