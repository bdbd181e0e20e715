// For each device type a request that does no harm and completes at once, so that the rows about virtqueues can be
// checked on it. A type that is not here is checked without I/O.

import { deviceKindOf, type PerDeviceKind } from "../../../shared-protocol/src/device-types/catalogue.js"
import { GPIO_GET_DIRECTION } from "../../../shared-protocol/src/device-types/gpio.js"
import {
  I2C_FEATURE_ZERO_LENGTH_REQUEST,
  I2C_STATUS_ERROR,
  I2C_STATUS_OK,
} from "../../../shared-protocol/src/device-types/i2c.js"
import { RTC_CFG, RTC_HEADER_SIZE, RTC_RESPONSE_SIZE } from "../../../shared-protocol/src/device-types/rtc.js"
import { words } from "./frames.js"
import type { BufferPlan } from "./suite-queue.js"

export interface Workload {
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
  isRepeatable: false,
  queueIndex: 0,
  features: 0,
  request: () => [{ roomBytes: 8 }],
  judge: (_written, usedBytes) => (usedBytes === 0 ? "not one byte of entropy" : ""),
}

const gpio: Workload = {
  isRepeatable: true,
  queueIndex: 0,
  features: 0,
  request: () => [{ data: Uint8Array.of(GPIO_GET_DIRECTION, 0, 0, 0, 0, 0, 0, 0) }, { roomBytes: 2 }],
  judge: (_written, usedBytes) =>
    usedBytes !== 2 ? `used length ${usedBytes} for a response of 2 bytes` : "",
}

/** How many clocks are there? */
const rtc: Workload = {
  isRepeatable: true,
  queueIndex: 0,
  features: 0,
  request: () => [
    { data: Uint8Array.from({ length: RTC_HEADER_SIZE }, (_, at) => (RTC_CFG >> (8 * at)) & 0xff) },
    { roomBytes: RTC_RESPONSE_SIZE },
  ],
  judge: (_written, usedBytes) =>
    usedBytes !== RTC_RESPONSE_SIZE
      ? `used length ${usedBytes} for a response of ${RTC_RESPONSE_SIZE} bytes`
      : "",
}

/** A console has none: whoever is at its other end decides what comes back, and when. */
const WORKLOADS: PerDeviceKind<Workload | undefined> = { i2c, gpio, rng: entropy, console: undefined, rtc }

/** What to do with a device of this type; undefined for a type that the suite has no request for. */
export function workloadOf(deviceId: number): Workload | undefined {
  const kind = deviceKindOf(deviceId)
  return kind && WORKLOADS[kind]
}
