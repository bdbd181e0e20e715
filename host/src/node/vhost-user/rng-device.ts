// The virtio entropy device (virtio 1.4 5.4, device id 4) for a guest: the board's random bytes.

import { type Clock, systemClock } from "../../clock.js"
import type { GuestChain, VhostUserDevice } from "./device.js"

/** Where the bytes come from. */
export interface EntropyReader {
  /** Resolves with `length` random bytes; rejects while there is no board. */
  read(length: number): Promise<Uint8Array>
}

/** A larger request gets so many bytes. The guest asks again, and the data of other devices is not held up. */
const MOST_BYTES = 256
/** When a board could not give any, it is asked again after so long. A guest waits as long as it takes. */
const RETRY_MS = 500

export class VirtioRngDevice implements VhostUserDevice {
  readonly name = "virtio-rng"
  readonly queueCount = 1
  readonly features = 0n
  readonly maxReadableLength = 0
  readonly lastingQueues = [0]
  /** Random bytes that the guest got. */
  byteCount = 0

  readonly #reader: EntropyReader
  readonly #clock: Clock
  #era = 0

  constructor(reader: EntropyReader, clock: Clock = systemClock) {
    this.#reader = reader
    this.#clock = clock
  }

  handle(_queueIndex: number, chains: readonly GuestChain[]): void {
    for (const chain of chains) this.#fill(chain)
  }

  reset(): void {
    this.#era++
  }

  #fill(chain: GuestChain): void {
    const era = this.#era
    if (chain.writableLength === 0) {
      chain.complete(new Uint8Array(0))
      return
    }
    this.#reader.read(Math.min(chain.writableLength, MOST_BYTES)).then(
      (bytes) => {
        if (era !== this.#era) return
        this.byteCount += bytes.length
        chain.complete(bytes)
      },
      () => {
        this.#clock.schedule(RETRY_MS, () => {
          if (era === this.#era) this.#fill(chain)
        })
      },
    )
  }
}
