// The virtio device types that this project has: one entry for each. What else there is of a type (driver, trace,
// conformance, guest) stands in a table over `DeviceKind` where it belongs, so that an entry forgotten there is a type
// error. CONTRIBUTING.md "A device type" has the list.

import { VIRTIO_ID_CONSOLE } from "./console.js"
import { VIRTIO_ID_GPIO } from "./gpio.js"
import { VIRTIO_ID_I2C } from "./i2c.js"
import { VIRTIO_ID_RNG } from "./rng.js"
import { VIRTIO_ID_RTC } from "./rtc.js"

/** A device type, as settings, commands and the firmware's shell call it. */
export type DeviceKind = "i2c" | "gpio" | "rng" | "console" | "rtc"

/** Something for each device type. */
export type PerDeviceKind<T> = { readonly [kind in DeviceKind]: T }

export interface DeviceTypeEntry {
  /** The virtio device id. */
  readonly id: number
  /** As Linux's drivers are called. */
  readonly name: string
  /** What people call a device of it. */
  readonly noun: string
  /** Its own feature bits, by number. */
  readonly features: readonly (readonly [bit: number, name: string])[]
  /** `serve` and `linux` can give it to a guest beside the I2C adapter. */
  readonly isForGuests: boolean
  /** The firmware has it from the start; others are plugged in, since each takes a part of a small heap. */
  readonly isFromStart: boolean
}

/**
 * The device types, by what they are called.
 *
 * @example
 * ```ts
 * import { DEVICE_TYPES } from "virtio-msg/protocol"
 *
 * console.log(DEVICE_TYPES.i2c.id) // 34
 * console.log(DEVICE_TYPES.gpio.name) // virtio-gpio
 * ```
 */
export const DEVICE_TYPES: PerDeviceKind<DeviceTypeEntry> = {
  i2c: {
    id: VIRTIO_ID_I2C,
    name: "virtio-i2c",
    noun: "I2C adapter",
    features: [[0, "VIRTIO_I2C_F_ZERO_LENGTH_REQUEST"]],
    isForGuests: false,
    isFromStart: true,
  },
  gpio: {
    id: VIRTIO_ID_GPIO,
    name: "virtio-gpio",
    noun: "GPIO chip",
    features: [[0, "VIRTIO_GPIO_F_IRQ"]],
    isForGuests: true,
    isFromStart: true,
  },
  rng: {
    id: VIRTIO_ID_RNG,
    name: "virtio-rng",
    noun: "source of random bytes",
    features: [],
    isForGuests: true,
    isFromStart: true,
  },
  console: {
    id: VIRTIO_ID_CONSOLE,
    name: "virtio-console",
    noun: "console",
    features: [
      [0, "VIRTIO_CONSOLE_F_SIZE"],
      [1, "VIRTIO_CONSOLE_F_MULTIPORT"],
    ],
    isForGuests: true,
    isFromStart: true,
  },
  // Linux has a driver from 6.16 on; QEMU has no vhost-user front end for it
  rtc: {
    id: VIRTIO_ID_RTC,
    name: "virtio-rtc",
    noun: "clock",
    features: [[0, "VIRTIO_RTC_F_ALARM"]],
    isForGuests: false,
    isFromStart: false,
  },
}

/** In the order in which the firmware numbers its devices. */
export const DEVICE_KINDS = Object.keys(DEVICE_TYPES) as DeviceKind[]

/**
 * The kind of a virtio device id; undefined for a type that is not ours.
 *
 * @example
 * ```ts
 * import { deviceKindOf } from "virtio-msg/protocol"
 *
 * console.log(deviceKindOf(34)) // i2c
 * ```
 */
export function deviceKindOf(deviceId: number): DeviceKind | undefined {
  return DEVICE_KINDS.find((kind) => DEVICE_TYPES[kind].id === deviceId)
}
