// A board that this thread itself talks to: the bus that `openBus` opens, and its I2C adapter.

import type { I2cAdapter, OpenedBus } from "virtio-msg" with { "resolution-mode": "import" }
import { makeError } from "./errno.js"
import type { Outcome, Request } from "./request.js"
import { isVirtioMsgError } from "./translate-error.js"

export class LocalBoard {
  readonly #bus: OpenedBus
  /** Undefined while it has to be looked for. */
  #adapter: I2cAdapter | undefined
  /** Why the board was left, for the calls in flight. */
  #leftBy: Error | undefined

  private constructor(bus: OpenedBus, adapter: I2cAdapter) {
    this.#bus = bus
    this.#adapter = adapter
  }

  /** Opens `port`. Rejects with an error of virtio-msg, or with ENOSYS when virtio-msg is not installed. */
  static async open(port: string): Promise<LocalBoard> {
    const { openBus } = await importVirtioMsg()
    const bus = await openBus({
      port,
      isBackground: true,
      // tells which board was chosen, or that a board is awaited
      onChoice: (choice) => process.emitWarning(choice, { code: "VIRTIO_MSG_PORT" }),
    })
    try {
      return new LocalBoard(bus, await bus.i2c())
    } catch (error) {
      await bus.close()
      throw error
    }
  }

  /** Sends requests to the board together. Rejects with an error of virtio-msg when their outcomes are unknown. */
  async submit(requests: readonly Request[]): Promise<Outcome[]> {
    try {
      this.#adapter ??= await this.#bus.i2c() // a device that was removed from the bus may be back
      return await Promise.all(this.#adapter.submit(requests))
    } catch (error) {
      if (isVirtioMsgError(error) && error.code === "DEVICE_REMOVED") this.#adapter = undefined
      throw this.#leftBy ?? error
    }
  }

  /** Closes the bus; calls in flight reject with `error`. */
  leave(error: Error): Promise<void> {
    this.#leftBy = error
    return this.#bus.close()
  }
}

async function importVirtioMsg() {
  try {
    return await import("virtio-msg") // CommonJS can load an ES module only in this way
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error
    throw makeError(
      "ENOSYS",
      "open",
      "the package virtio-msg is not installed: npm install virtio-msg",
      error,
    )
  }
}
