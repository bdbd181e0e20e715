// What a virtio device type has to be for the vhost-user backend to serve it.

import type { Chain } from "./device-queue.js"

export { Chain } from "./device-queue.js"

export interface VhostUserDevice {
  /** For messages to people, as `virtio-i2c`. */
  readonly name: string
  readonly queueCount: number
  /** The device type's own feature bits; those of rings and transport are the backend's. */
  readonly features: bigint
  /** Bytes of one request that the device wants to see at most; more are not copied. */
  readonly maxReadableLength: number
  /** Queues whose chains may stay with the device for ever: who stops such a queue does not wait for them. */
  readonly lastingQueues?: readonly number[]
  /** The configuration space, read by the driver at any time; absent when the type has none. */
  readonly config?: Uint8Array
  /**
   * Takes requests, all that were available at one kick, in the guest's order. Each has to be completed once, in
   * any order, now or later. The type decides how long that may take; a guest may wait without bound.
   */
  handle(queueIndex: number, chains: readonly Chain[]): void
  /** The driver writes to the configuration space; false when that is not allowed. Absent: never allowed. */
  writeConfig?(offset: number, bytes: Uint8Array): boolean
  /** All queues were stopped: the device forgets what it had, and completes nothing of it. */
  reset(): void
}
