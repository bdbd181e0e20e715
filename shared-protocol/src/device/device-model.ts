// A device behind the transport: what it is (I2C, GPIO, entropy, ...), and what it does with the chains of its queues.

import type { ByteBuf } from "../bytes.js"
import type { DeviceRing } from "../ring/device-ring.js"

/** What a device may ask of the endpoint that it is plugged into; at any time, also between two packets. */
export interface DeviceHost {
  /** Has queue `queueIndex` served soon, though the driver announced nothing: the device has news for it. */
  wake(queueIndex: number): void
  /** The device changed its configuration space: tells the driver by EVENT_CONFIG, at a new generation. */
  configChanged(): void
  /** The device cannot go on: DEVICE_NEEDS_RESET, and EVENT_CONFIG tells the driver (V-S1). */
  needsReset(): void
}

export interface DeviceModel {
  /** The virtio device id: 34 is I2C. */
  readonly deviceId: number
  /** Offered feature bits in blocks of 32. */
  readonly features: readonly number[]
  /** Bits without which the device cannot work; FEATURES_OK is refused when one is missing. */
  readonly requiredFeatures: readonly number[]
  /** The largest size of each virtqueue, in descriptors. */
  readonly queueMaxSizes: readonly number[]
  /** The configuration space; may be empty. */
  readonly config: ByteBuf
  /**
   * Applies a driver's write of `length` bytes at `offset` of the configuration space, all or nothing (V47).
   * The range was checked. False: not applied.
   */
  writeConfig(offset: number, data: ByteBuf, dataOffset: number, length: number): boolean
  /**
   * Serves the chains of queue `queueIndex` until none is available; "" or, in few letters, why the device needs a reset.
   * After every await it compares `ring.resetCount` and, if it changed, returns at once: the queue was reset
   * meanwhile, and the driver has its memory back.
   */
  serve(queueIndex: number, ring: DeviceRing): Promise<string>
  /** Forgets everything that a driver did. */
  reset(): void
  /**
   * Queues that carry streams: `serve` moves at most about half a packet of their data at a time, asks for more by
   * `DeviceHost.wake`, and is called for one such queue a packet, so that streams never fill the link.
   */
  readonly pacedQueues?: readonly number[]
  /** The device notes what it made of a chain (`ChainMemory.note`). */
  readonly remembersChains?: boolean
  /** Called once, when the device is plugged in. For devices that begin something by themselves. */
  attach?(host: DeviceHost): void
  /** FEATURES_OK was accepted with these bits, in blocks of 32. */
  negotiated?(features: readonly number[]): void
}
