// The virtio entropy device (virtio 1.4 5.4, device id 4): fills every buffer of its one queue with random bytes.

import type { ByteBuf, OwnedBytes } from "../bytes.js"
import {
  FEATURE_ACCESS_PLATFORM_BLOCK1,
  FEATURE_IN_ORDER_BLOCK1,
  FEATURE_INDIRECT_DESC,
  FEATURE_RING_RESET_BLOCK1,
  FEATURE_VERSION_1_BLOCK1,
} from "../device-types/feature-bits.js"
import { RNG_QUEUE_SIZE, VIRTIO_ID_RNG } from "../device-types/rng.js"
import { PACED_BYTES } from "../mailbox/packet.js"
import { type DeviceRing, RING_BROKEN, RING_EMPTY } from "../ring/device-ring.js"
import type { DeviceHost, DeviceModel } from "./device-model.js"

/** Where random bytes come from. */
export interface EntropySource {
  /** Stores `length` random bytes in `into` from `offset`. */
  fill(into: OwnedBytes, offset: number, length: number): void
}

/**
 * The virtio entropy device: gives the driver what its source has.
 *
 * @example
 * ```ts
 * import { allocateBytes } from "virtio-msg"
 * import { RngDevice } from "virtio-msg/protocol"
 *
 * const device = new RngDevice({ fill: (into, offset, length) => into.fillAt(offset, length, 4) }, allocateBytes(0))
 * console.log(device.deviceId) // 4
 * ```
 */
export class RngDevice implements DeviceModel {
  readonly deviceId = VIRTIO_ID_RNG
  readonly features: readonly number[] = [
    FEATURE_INDIRECT_DESC,
    FEATURE_VERSION_1_BLOCK1 |
      FEATURE_ACCESS_PLATFORM_BLOCK1 |
      FEATURE_IN_ORDER_BLOCK1 |
      FEATURE_RING_RESET_BLOCK1,
  ]
  readonly requiredFeatures: readonly number[] = [0, FEATURE_VERSION_1_BLOCK1]
  readonly queueMaxSizes: readonly number[] = [RNG_QUEUE_SIZE]
  readonly pacedQueues: readonly number[] = [0]
  readonly config: ByteBuf
  /** Random bytes given away. */
  byteCount = 0

  private readonly source: EntropySource
  private host: DeviceHost | undefined

  constructor(source: EntropySource, noConfig: ByteBuf) {
    this.source = source
    this.config = noConfig
  }

  attach(host: DeviceHost): void {
    this.host = host
  }

  writeConfig(_offset: number, _data: ByteBuf, _dataOffset: number, _length: number): boolean {
    return false
  }

  reset(): void {}

  /** Fills one chain, with up to PACED_BYTES: a driver takes fewer bytes than it asked for (5.4.6). */
  async serve(_queueIndex: number, ring: DeviceRing): Promise<string> {
    const head = ring.pop()
    if (head === RING_EMPTY) return ""
    if (head === RING_BROKEN) return ring.brokenReason
    if (ring.readable > 0) return "a readable buffer"
    const into = ring.deviceArea
    let total = 0
    for (let i = 0; i < ring.count && total < PACED_BYTES; i++) {
      const length = ring.lengths[i] < PACED_BYTES - total ? ring.lengths[i] : PACED_BYTES - total
      if (length === 0) continue
      this.source.fill(into.bytes, ring.offsets[i], length)
      into.mark(ring.offsets[i], length)
      total += length
    }
    this.byteCount += total
    ring.push(head, total)
    if (ring.pending() > 0 && this.host !== undefined) this.host.wake(0)
    return ""
  }
}
