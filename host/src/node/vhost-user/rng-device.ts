// The virtio entropy device (virtio 1.4 5.4, device id 4) that a guest sees: the board's random bytes.

import { type Clock, systemClock } from "../../clock.js"
import type { Chain, VhostUserDevice } from "./device.js"

/** Where the bytes come from. */
export interface EntropyReader {
  /** Resolves with `length` random bytes; rejects while there is no board. */
  read(length: number): Promise<Uint8Array>
}

/** A request for more gets so many: a guest asks again, and another device's data is not held up. */
const MOST_BYTES = 256
/** How long until a board that could not give any is asked again; a guest waits as long as it takes. */
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
  #generation = 0

  constructor(reader: EntropyReader, clock: Clock = systemClock) {
    this.#reader = reader
    this.#clock = clock
  }

  handle(_queueIndex: number, chains: readonly Chain[]): void {
    for (const chain of chains) this.#fill(chain)
  }

  reset(): void {
    this.#generation++
  }

  #fill(chain: Chain): void {
    const generation = this.#generation
    if (chain.writableLength === 0) {
      chain.complete(new Uint8Array(0))
      return
    }
    this.#reader.read(Math.min(chain.writableLength, MOST_BYTES)).then(
      (bytes) => {
        if (generation !== this.#generation) return
        this.byteCount += bytes.length
        chain.complete(bytes)
      },
      () => {
        this.#clock.schedule(RETRY_MS, () => {
          if (generation === this.#generation) this.#fill(chain)
        })
      },
    )
  }
}
