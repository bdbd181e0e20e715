// The conformance table: every row, in the order in which they are checked and shown.

import { DEVICE_TYPE_LETTERS, DEVICE_TYPE_ROWS } from "./device-suites.js"
import type { Row } from "./row.js"
import { BUS_DELIVERY_ROWS } from "./rows/bus-delivery.js"
import { BUS_DISCOVERY_ROWS } from "./rows/bus-discovery.js"
import { BUS_HOTPLUG_ROWS } from "./rows/bus-hotplug.js"
import { BUS_MESSAGE_ROWS } from "./rows/bus-messages.js"
import { BUS_NOTIFICATION_ROWS } from "./rows/bus-notifications.js"
import { BUS_PARAMETER_ROWS } from "./rows/bus-parameters.js"
import { DEVICE_CONFIG_ROWS } from "./rows/device-config.js"
import { DEVICE_FEATURE_ROWS } from "./rows/device-features.js"
import { DEVICE_INFO_ROWS } from "./rows/device-info.js"
import { DEVICE_MESSAGE_ROWS } from "./rows/device-messages.js"
import { DEVICE_SET_VQUEUE_ROWS } from "./rows/device-set-vqueue.js"
import { DEVICE_SHM_ROWS } from "./rows/device-shm.js"
import { DEVICE_STATUS_ROWS } from "./rows/device-status.js"
import { DEVICE_VQUEUE_ROWS } from "./rows/device-vqueue.js"
import { DRIVER_CONFIG_ROWS } from "./rows/driver-config.js"
import { DRIVER_MESSAGE_ROWS } from "./rows/driver-messages.js"
import { DRIVER_NEGOTIATION_ROWS } from "./rows/driver-negotiation.js"
import { DRIVER_STATUS_ROWS } from "./rows/driver-status.js"
import { DRIVER_VQUEUE_ROWS } from "./rows/driver-vqueue.js"
import { GENERAL_ROWS } from "./rows/general.js"
import { RING_DEVICE_DESCRIPTOR_ROWS } from "./rows/ring-device-descriptors.js"
import { RING_DEVICE_RING_ROWS } from "./rows/ring-device-rings.js"
import { RING_DRIVER_ROWS } from "./rows/ring-driver.js"

const LETTERS = `GBVDR${DEVICE_TYPE_LETTERS}`

/**
 * All rows: G, B, V, D, R, then those of the device types. By number, then recommendations (B-S1) and permissions
 * (B-M1).
 */
export const TABLE: readonly Row[] = [
  ...BUS_DELIVERY_ROWS,
  ...BUS_DISCOVERY_ROWS,
  ...BUS_MESSAGE_ROWS,
  ...BUS_HOTPLUG_ROWS,
  ...BUS_NOTIFICATION_ROWS,
  ...BUS_PARAMETER_ROWS,
  ...DEVICE_CONFIG_ROWS,
  ...DEVICE_FEATURE_ROWS,
  ...DEVICE_INFO_ROWS,
  ...DEVICE_MESSAGE_ROWS,
  ...DEVICE_SET_VQUEUE_ROWS,
  ...DEVICE_SHM_ROWS,
  ...DEVICE_STATUS_ROWS,
  ...DEVICE_VQUEUE_ROWS,
  ...DRIVER_CONFIG_ROWS,
  ...DRIVER_NEGOTIATION_ROWS,
  ...DRIVER_MESSAGE_ROWS,
  ...DRIVER_VQUEUE_ROWS,
  ...DRIVER_STATUS_ROWS,
  ...DEVICE_TYPE_ROWS,
  ...GENERAL_ROWS,
  ...RING_DEVICE_DESCRIPTOR_ROWS,
  ...RING_DEVICE_RING_ROWS,
  ...RING_DRIVER_ROWS,
].sort(byId)

/** "B-S1" is letter B, kind S, number 1. */
function byId(a: Row, b: Row): number {
  return keyOf(a.id) < keyOf(b.id) ? -1 : 1
}

function keyOf(id: string): string {
  const match = /^([A-Z])(?:-([SM]))?(\d+)$/.exec(id)
  if (!match) throw new Error(`${id} is no row's id`)
  const [, letter = "", kind = "", number = ""] = match
  return `${LETTERS.indexOf(letter).toString().padStart(2, "0")}${kind ? 1 : 0}${kind}${number.padStart(4, "0")}`
}

/** Whether a row has anything to check against a device, or against a driver. */
export function isCheckable(row: Row): boolean {
  return row.device !== undefined || row.driver !== undefined
}
