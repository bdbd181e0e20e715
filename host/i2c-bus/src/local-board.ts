// A board that this thread talks to: the bus that `openBus` opens, and its I2C adapter.

import type { I2cAdapter, OpenedBus } from "virtio-msg" with { "resolution-mode": "import" }
import { makeError } from "./errno.js"
import type { Outcome, Request } from "./request.js"
import { isVirtioMsgError } from "./translate-error.js"

export class LocalBoard {
  readonly #bus: OpenedBus
  /** Undefined: it has to be looked for. */
  #adapter: I2cAdapter | undefined
  /** Why it was left, for the calls in flight. */
  #leftBy: Error | undefined

  private constructor(bus: OpenedBus, adapter: I2cAdapter) {
    this.#bus = bus
    this.#adapter = adapter
  }

  /** Opens `port`. Rejects with an error of virtio-msg, or with ENOSYS when that is not installed. */
  static async open(port: string): Promise<LocalBoard> {
    const { openBus } = await importVirtioMsg()
    const bus = await openBus({
      port,
      isBackground: true,
      // which board it is, or that one is awaited
      onChoice: (choice) => process.emitWarning(choice, { code: "VIRTIO_MSG_PORT" }),
    })
    try {
      return new LocalBoard(bus, await bus.i2c())
    } catch (error) {
      await bus.close()
      throw error
    }
  }

  /** Hands requests to the board together. Rejects with an error of virtio-msg when there is no telling. */
  async submit(requests: readonly Request[]): Promise<Outcome[]> {
    try {
      const adapter = this.#adapter ?? (await this.#findAdapter())
      return await Promise.all(adapter.submit(requests))
    } catch (error) {
      if (isVirtioMsgError(error) && error.code === "DEVICE_REMOVED") this.#adapter = undefined
      throw this.#leftBy ?? error
    }
  }

  /** A device that was taken off the bus may be back. */
  async #findAdapter(): Promise<I2cAdapter> {
    this.#adapter = await this.#bus.i2c()
    return this.#adapter
  }

  /** Closes the bus; calls in flight reject with `error`. */
  leave(error: Error): Promise<void> {
    this.#leftBy = error
    return this.#bus.close()
  }
}

async function importVirtioMsg() {
  try {
    return await import("virtio-msg") // an ES module, which CommonJS can only get this way
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
