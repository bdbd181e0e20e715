// The virtio device types that this project has: one entry for each. The other parts of a type (driver, trace,
// conformance, guest) are in tables over `DeviceType`, each where it belongs. A table that misses a type is a type
// error. CONTRIBUTING.md "A device type" lists them all. The firmware uses the types and `knownDeviceType`. It has no
// room for the words, so these are in a function of their own, which its compiler leaves out.

import { VIRTIO_ID_CONSOLE } from "./console.js"
import { VIRTIO_ID_GPIO } from "./gpio.js"
import { VIRTIO_ID_I2C } from "./i2c.js"
import { VIRTIO_ID_RNG } from "./rng.js"
import { VIRTIO_ID_RTC } from "./rtc.js"

/** The virtio device id of each type. */
export interface DeviceIds {
  readonly i2c: typeof VIRTIO_ID_I2C
  readonly gpio: typeof VIRTIO_ID_GPIO
  readonly rng: typeof VIRTIO_ID_RNG
  readonly console: typeof VIRTIO_ID_CONSOLE
  readonly rtc: typeof VIRTIO_ID_RTC
}

/** A device type, as settings, commands and the firmware's shell call it. */
export type DeviceType = keyof DeviceIds
/** The virtio device id of one of ours. */
export type KnownDeviceId = DeviceIds[DeviceType]

/** Those that a Linux guest can have beside the I2C adapter, with `serve` and `linux`. */
export type GuestDeviceType = "gpio" | "rng" | "console"

/** Something for each device type. */
export type PerDeviceType<T> = { readonly [kind in DeviceType]: T }

export interface DeviceTypeEntry {
  /** The virtio device id. */
  readonly id: number
  /** As Linux's drivers are called. */
  readonly name: string
  /** What people call a device of it. */
  readonly noun: string
  /** Its own feature bits, by number. */
  readonly features: readonly (readonly [bit: number, name: string])[]
  /** Whether it is a `GuestDeviceType`. */
  readonly isForGuests: boolean
  /** The firmware has it from the start. Others are plugged in, because each takes a part of a small heap. */
  readonly isFromStart: boolean
}

/** One entry for each type, in agreement with the types above. */
export type DeviceTypes = {
  readonly [kind in DeviceType]: DeviceTypeEntry & {
    readonly id: DeviceIds[kind]
    readonly isForGuests: kind extends GuestDeviceType ? true : false
  }
}

/** What a device of that id is called. In code, since the firmware has no room for the table. */
export function knownDeviceType(deviceId: KnownDeviceId): DeviceType {
  if (deviceId === VIRTIO_ID_I2C) return "i2c"
  if (deviceId === VIRTIO_ID_GPIO) return "gpio"
  if (deviceId === VIRTIO_ID_RNG) return "rng"
  if (deviceId === VIRTIO_ID_CONSOLE) return "console"
  if (deviceId === VIRTIO_ID_RTC) return "rtc"
  return deviceId // a type that is missing above is a type error here
}

export function deviceTypeEntries(): DeviceTypes {
  return {
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
}
