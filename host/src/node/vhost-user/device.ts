// What the vhost-user backend needs of a virtio device type to serve it.

import type { GuestChain } from "./device-queue.js"

export { GuestChain } from "./device-queue.js"

export interface VhostUserDevice {
  /** The name for messages to people, as `virtio-i2c`. */
  readonly name: string
  readonly queueCount: number
  /** The feature bits of the device type. The backend adds those of rings and transport. */
  readonly features: bigint
  /** The most bytes of one request that the device wants to see. The rest is not copied. */
  readonly maxReadableLength: number
  /** Queues whose chains may stay with the device for ever. Nobody waits for these when such a queue is stopped. */
  readonly lastingQueues?: readonly number[]
  /** The configuration space, which the driver may read at any time. Absent when the type has none. */
  readonly config?: Uint8Array
  /**
   * Takes requests: all that were available at one kick, in the guest's order. Each has to be completed once, in any
   * order, at any time. The type has to limit the time, since a guest may wait for ever.
   */
  handle(queueIndex: number, chains: readonly GuestChain[]): void
  /** The driver writes to the configuration space. False when that is not allowed. Absent: never allowed. */
  writeConfig?(offset: number, bytes: Uint8Array): boolean
  /** All queues were stopped. The device forgets what it had, and completes nothing of it. */
  reset(): void
}
