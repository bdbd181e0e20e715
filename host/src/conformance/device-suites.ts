// What the suite has for each device type: its rows, and a request with which the rows about virtqueues are checked.

import {
  DEVICE_TYPE_NAMES,
  deviceTypeOf,
  type PerDeviceType,
} from "../../../shared-protocol/src/device-types/catalogue.js"
import type { Row } from "./row.js"
import { GPIO_DEVICE_ROWS, GPIO_WORKLOAD } from "./rows/gpio-device.js"
import { I2C_DEVICE_ROWS, I2C_WORKLOAD } from "./rows/i2c-device.js"
import { I2C_DRIVER_ROWS } from "./rows/i2c-driver.js"
import { RTC_DEVICE_ROWS, RTC_WORKLOAD } from "./rows/rtc-device.js"
import { CONSOLE_DEVICE_ROWS, RNG_DEVICE_ROWS, RNG_WORKLOAD } from "./rows/stream-devices.js"
import type { Workload } from "./workload.js"

interface DeviceSuite {
  /** The ids of its rows begin with it. */
  readonly letter: string
  readonly rows: readonly Row[]
  /** Undefined: the type is checked without I/O. */
  readonly workload: Workload | undefined
}

const DEVICE_SUITES: PerDeviceType<DeviceSuite> = {
  i2c: { letter: "I", rows: [...I2C_DEVICE_ROWS, ...I2C_DRIVER_ROWS], workload: I2C_WORKLOAD },
  gpio: { letter: "P", rows: GPIO_DEVICE_ROWS, workload: GPIO_WORKLOAD },
  rng: { letter: "E", rows: RNG_DEVICE_ROWS, workload: RNG_WORKLOAD },
  // whoever is at a console's other end decides what comes back, and when
  console: { letter: "C", rows: CONSOLE_DEVICE_ROWS, workload: undefined },
  rtc: { letter: "T", rows: RTC_DEVICE_ROWS, workload: RTC_WORKLOAD },
}

const SUITES = DEVICE_TYPE_NAMES.map((kind) => DEVICE_SUITES[kind])

export const DEVICE_TYPE_ROWS: readonly Row[] = SUITES.flatMap(({ rows }) => rows)
/** The types' rows follow the others in this order. */
export const DEVICE_TYPE_LETTERS: string = SUITES.map(({ letter }) => letter).join("")

/** What to do with a device of this type; undefined for a type that the suite has no request for. */
export function workloadOf(deviceId: number): Workload | undefined {
  const kind = deviceTypeOf(deviceId)
  return kind && DEVICE_SUITES[kind].workload
}
