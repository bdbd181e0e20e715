// The catalogue of device types, as a table. The firmware has no room for the table: it reads entries.ts.

import { type DeviceType, type DeviceTypes, deviceTypeEntries, type GuestDeviceType } from "./entries.js"

export type {
  DeviceIds,
  DeviceType,
  DeviceTypeEntry,
  DeviceTypes,
  GuestDeviceType,
  KnownDeviceId,
  PerDeviceType,
} from "./entries.js"

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
export const DEVICE_TYPES: DeviceTypes = deviceTypeEntries()

/** In the order in which the firmware numbers its devices. */
export const DEVICE_TYPE_NAMES = Object.keys(DEVICE_TYPES) as DeviceType[]

/**
 * The type of a virtio device id; undefined for one that is not ours.
 *
 * @example
 * ```ts
 * import { deviceTypeOf } from "virtio-msg/protocol"
 *
 * console.log(deviceTypeOf(34)) // i2c
 * ```
 */
export function deviceTypeOf(deviceId: number): DeviceType | undefined {
  return DEVICE_TYPE_NAMES.find((type) => DEVICE_TYPES[type].id === deviceId)
}

/** The types that a guest can have beside the I2C adapter. */
export const GUEST_DEVICE_TYPES = DEVICE_TYPE_NAMES.filter(
  (type) => DEVICE_TYPES[type].isForGuests,
) as readonly GuestDeviceType[]
