// The board's I2C bus for a guest: forwards to the adapter of whatever board is behind the port, and finds it
// again when it was unplugged. Never answers by itself.

import type { Clock, Timer } from "../clock.js"
import type { I2cAdapter, I2cOutcome, I2cRequest } from "../driver/i2c-adapter.js"
import { Emitter } from "../emitter.js"
import { VirtioMsgError } from "../errors.js"
import type { OpenedBus } from "../open-bus.js"
import type { I2cForwarder } from "./vhost-user/i2c-device.js"

/** Between two attempts to find a board that is gone. */
const REOPEN_MS = 500

export class BoardForwarder implements I2cForwarder {
  /** The board went away or came back. */
  readonly onBoard = new Emitter<[isThere: boolean]>()
  /** The board answered a request. */
  readonly onOutcome = new Emitter<[request: I2cRequest, outcome: I2cOutcome]>()

  readonly #open: () => Promise<OpenedBus>
  readonly #clock: Clock
  #bus: OpenedBus | undefined
  #adapter: I2cAdapter | undefined
  #retry: Timer | undefined
  #isClosed = false

  constructor(open: () => Promise<OpenedBus>, clock: Clock) {
    this.#open = open
    this.#clock = clock
  }

  /** Opens the board. Rejects when it is not there the first time. */
  async start(): Promise<void> {
    const bus = await this.#open()
    if (this.#isClosed) return bus.close()
    this.#bus = bus
    bus.bus.onLost.on((error) => {
      if (error.code === "LINK_CLOSED" && !this.#isClosed) this.#lost()
    })
    this.#adapter = await bus.i2c()
    this.onBoard.emit(true)
  }

  /** As `I2cAdapter.submit`; every promise rejects with LINK_CLOSED while no board is there. */
  submit(requests: readonly I2cRequest[]): Promise<I2cOutcome>[] {
    if (this.#adapter) {
      const outcomes = this.#adapter.submit(requests)
      for (const [at, request] of requests.entries())
        outcomes[at]?.then((outcome) => this.onOutcome.emit(request, outcome)).catch(() => {})
      return outcomes
    }
    return requests.map(() =>
      Promise.reject(new VirtioMsgError("LINK_CLOSED", "The board is gone.", { hint: "Plug it in again." })),
    )
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#retry?.cancel()
    await this.#bus?.close()
  }

  #lost(): void {
    this.#adapter = undefined
    const bus = this.#bus
    this.#bus = undefined
    bus?.close().catch(() => {}) // it is gone already
    this.onBoard.emit(false)
    this.#retryLater()
  }

  #retryLater(): void {
    this.#retry = this.#clock.schedule(REOPEN_MS, () => {
      this.start().catch(() => {
        if (!this.#isClosed) this.#retryLater()
      })
    })
  }
}
