// For each device type a request that does no harm and completes at once, so that the rows about virtqueues can be
// checked on it. A type that is not here is checked without I/O.

import { GPIO_GET_DIRECTION, VIRTIO_ID_GPIO } from "../../../shared-protocol/src/device-types/gpio.js"
import {
  I2C_FEATURE_ZERO_LENGTH_REQUEST,
  I2C_STATUS_ERROR,
  I2C_STATUS_OK,
  VIRTIO_ID_I2C,
} from "../../../shared-protocol/src/device-types/i2c.js"
import { VIRTIO_ID_RNG } from "../../../shared-protocol/src/device-types/rng.js"
import { words } from "./frames.js"
import type { BufferPlan } from "./suite-queue.js"

export interface Workload {
  readonly deviceId: number
  readonly queueIndex: number
  /** Feature bits 0 to 31 to select where they are offered. */
  readonly features: number
  /** One request; `n` makes requests differ. */
  request(n: number): BufferPlan[]
  /** Whether a request's written bytes and used length make sense; "" or what is wrong. */
  judge(written: Uint8Array, usedBytes: number): string
  /** Whether the same request is answered with the same bytes. */
  readonly isRepeatable: boolean
  /** Whether the request did what it was for, where it may also fail: then some `n` up to 127 is looked for. */
  isSuccess?(written: Uint8Array): boolean
}

/** A zero-length request: does a chip acknowledge this address? */
const i2c: Workload = {
  deviceId: VIRTIO_ID_I2C,
  isRepeatable: true,
  queueIndex: 0,
  features: I2C_FEATURE_ZERO_LENGTH_REQUEST,
  request: (n) => [{ data: Uint8Array.from(words((0x08 + (n % 0x70)) << 1, 0)) }, { roomBytes: 1 }],
  judge: (written, usedBytes) =>
    usedBytes !== 1
      ? `used length ${usedBytes} for a status of 1 byte`
      : (written[0] as number) > I2C_STATUS_ERROR
        ? `status ${written[0]}, which is neither OK (0) nor ERR (1)`
        : "",
  isSuccess: (written) => written[0] === I2C_STATUS_OK,
}

const entropy: Workload = {
  deviceId: VIRTIO_ID_RNG,
  isRepeatable: false,
  queueIndex: 0,
  features: 0,
  request: () => [{ roomBytes: 8 }],
  judge: (_written, usedBytes) => (usedBytes === 0 ? "not one byte of entropy" : ""),
}

const gpio: Workload = {
  deviceId: VIRTIO_ID_GPIO,
  isRepeatable: true,
  queueIndex: 0,
  features: 0,
  request: () => [{ data: Uint8Array.of(GPIO_GET_DIRECTION, 0, 0, 0, 0, 0, 0, 0) }, { roomBytes: 2 }],
  judge: (_written, usedBytes) =>
    usedBytes !== 2 ? `used length ${usedBytes} for a response of 2 bytes` : "",
}

const WORKLOADS: readonly Workload[] = [i2c, entropy, gpio]

/** What to do with a device of this type; undefined for a type that the suite has no request for. */
export function workloadOf(deviceId: number): Workload | undefined {
  return WORKLOADS.find((workload) => workload.deviceId === deviceId)
}
