// The simulated chips without a microcontroller around them: where the Linux tests send their requests to.

import { demoChips, SimulatedBus } from "../../firmware/src/chips/simulated-bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import { systemClock } from "../../host/src/clock.js"
import type { I2cOutcome, I2cRequest } from "../../host/src/driver/i2c-adapter.js"
import type { I2cForwarder } from "../../host/src/node/vhost-user/i2c-device.js"
import { I2C_DONE } from "../../shared-protocol/src/device/i2c-controller.js"

/** A forwarder that tests can make fail. */
export class NativeChips implements I2cForwarder {
  /** What happens to requests: they reach the chips, are rejected, or never end. */
  mode: "works" | "rejects" | "hangs" = "works"
  /** Requests seen, and how many came at most in one call. */
  requestCount = 0
  longestBatch = 0

  readonly #bus = new SimulatedBus(
    demoChips(() => systemClock.now(), allocateBytes),
    allocateBytes,
  )
  /** One transfer after another, as on a wire. */
  #last: Promise<unknown> = Promise.resolve()

  submit(requests: readonly I2cRequest[]): Promise<I2cOutcome>[] {
    this.requestCount += requests.length
    this.longestBatch = Math.max(this.longestBatch, requests.length)
    if (this.mode === "hangs") return requests.map(() => new Promise<I2cOutcome>(() => {}))
    if (this.mode === "rejects") return requests.map(() => Promise.reject(new Error("the board is gone")))
    let isGroupFailed = false
    return requests.map((request) => {
      const outcome = this.#last.then(async () => {
        const done = isGroupFailed ? { ok: false } : await this.#transfer(request)
        isGroupFailed = !done.ok && request.failNext
        return done
      })
      this.#last = outcome
      return outcome
    })
  }

  async #transfer({ address, write, readLength = 0 }: I2cRequest): Promise<I2cOutcome> {
    const bytes = allocateBytes(write?.length ?? 0)
    if (write) bytes.set(write)
    const result = await this.#bus.transfer(address, bytes, 0, bytes.length, readLength)
    if (result !== I2C_DONE) return { ok: false }
    if (readLength === 0) return { ok: true }
    return { ok: true, data: Uint8Array.from({ length: readLength }, (_, at) => this.#bus.data[at] ?? 0) }
  }
}
