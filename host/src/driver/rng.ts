// The microcontroller's random bytes: the driver of the virtio entropy device (virtio 1.4 5.4).

import { RNG_QUEUE_SIZE } from "../../../shared-protocol/src/device-types/rng.js"
import { PACED_BYTES } from "../../../shared-protocol/src/mailbox/packet.js"
import { checkInteger } from "./arguments.js"
import { notAsSpecified } from "./failures.js"
import { SingleQueueDriver } from "./single-queue-driver.js"
import type { VirtioDevice } from "./virtio-device.js"

/**
 * The driver of an entropy device (virtio 1.4 5.4). `OpenedBus.rng` makes it.
 *
 * @example
 * ```ts
 * import { openBus } from "virtio-msg"
 *
 * const bus = await openBus({ port: "sim" })
 * const rng = await bus.rng()
 * const bytes = await rng.read(16)
 * console.log(bytes.length) // 16
 * await bus.close()
 * ```
 */
export class Rng extends SingleQueueDriver {
  constructor(device: VirtioDevice) {
    super(device, {
      name: "entropy",
      queueSize: RNG_QUEUE_SIZE,
      readableBytes: 0,
      writableBytes: PACED_BYTES,
      slotCount: RNG_QUEUE_SIZE,
    })
  }

  /**
   * Resolves with `length` random bytes, 50 packets of them a second at most. Rejects with INVALID_ARGUMENT, or when
   * the device fails. How good they are depends on the chip: docs/devices.md.
   */
  async read(length: number): Promise<Uint8Array> {
    const bytes: number[] = []
    for await (const chunk of this.stream(length)) bytes.push(...chunk)
    return Uint8Array.from(bytes)
  }

  /** As `read`, in pieces as they come. */
  async *stream(length: number): AsyncGenerator<Uint8Array, void, void> {
    checkInteger("The number of random bytes", length, 0, Number.MAX_SAFE_INTEGER)
    await this.start()
    let missing = length
    while (missing > 0) {
      // enough for all that is missing, and no more than the queue holds; what a short answer lacks is asked for in
      // the next round
      const lengths: number[] = []
      for (let left = missing; left > 0 && lengths.length < RNG_QUEUE_SIZE; left -= PACED_BYTES)
        lengths.push(Math.min(left, PACED_BYTES))
      const requests = lengths.map((each) => this.requests.submit(new Uint8Array(0), each))
      for (const request of requests) request.catch(() => {}) // the first error is thrown below
      for (const request of requests) {
        const chunk = await request
        if (chunk.length === 0) throw notAsSpecified("The entropy device gave a buffer back empty.")
        missing -= chunk.length
        yield chunk
      }
    }
  }
}
