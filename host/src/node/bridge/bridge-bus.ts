// A board's bus for the kernel behind the bridge. Its devices are the topology. Every message goes on to the board
// (message-forwarder.ts).

import type { Bus } from "../../bus/bus.js"
import { MessageForwarder } from "../message-forwarder.js"
import type { BridgeSession } from "./bridge-session.js"

export class BridgeBus {
  readonly #bus: Bus
  readonly #session: BridgeSession
  readonly #forwarder: MessageForwarder
  readonly #offs: (() => void)[]
  /** Settles when no device uses the memory that the kernel gave it in an earlier epoch. */
  #left: Promise<void> = Promise.resolve()
  /** Raised whenever the topology changes: an answer to an earlier question is then out of date. */
  #round = 0

  /** From now on the kernel's devices are those of `bus`. The session is a new one. */
  constructor(bus: Bus, session: BridgeSession) {
    const forwarder = new MessageForwarder(bus, session)
    this.#bus = bus
    this.#session = session
    this.#forwarder = forwarder
    this.#offs = [
      session.onFrame.on((frame) => {
        forwarder.take(frame)
        session.tidy((address, lengthBytes) => forwarder.uses(address, lengthBytes))
      }),
      session.onOnline.on(() => this.#publish()),
      session.onOffline.on(() => {
        this.#round++
        this.#left = forwarder.leave()
      }),
      bus.onDevice.on(() => this.#publish()),
      bus.onUp.on(() => this.#publish()),
      bus.onLost.on(() => {
        // the kernel's requests in flight end at once
        this.#round++
        session.publish([])
      }),
    ]
  }

  /** Lets go of the session, which is closed by now, and of the board's devices. */
  async close(): Promise<void> {
    this.#round++
    for (const off of this.#offs) off()
    this.#session.close()
    await this.#forwarder.leave()
    this.#forwarder.close()
  }

  async #publish(): Promise<void> {
    const round = ++this.#round
    await this.#left
    let deviceNumbers: readonly number[]
    try {
      deviceNumbers = await this.#bus.devices()
    } catch {
      return // the board has gone, which was told already, or it will come back
    }
    if (round === this.#round) this.#session.publish(deviceNumbers)
  }
}
