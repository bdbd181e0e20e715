// Which feature bits a driver takes of those that its device offers (virtio-msg "Driver Operation", D25; virtio 1.4 6).

import {
  FEATURE_ACCESS_PLATFORM_BLOCK1,
  FEATURE_NOTIF_CONFIG_DATA_BLOCK1,
  FEATURE_VERSION_1_BLOCK1,
} from "../../../shared-protocol/src/device-types/feature-bits.js"
import { hex } from "../hex.js"

/** Accepted from every device that offers it: our addresses are the bus's, never physical ones. */
const WANTED_OF_ALL_BLOCK1 = FEATURE_VERSION_1_BLOCK1 | FEATURE_ACCESS_PLATFORM_BLOCK1

/** What a driver wants of a device. */
export interface DriverNeeds {
  /** Feature bits that the driver can use, in blocks of 32; it selects those that are offered. */
  readonly wanted: readonly number[]
  /** Those that it cannot do without. */
  readonly required: readonly number[]
  /** For each virtqueue the largest size, in descriptors, that the driver can use. A power of two. */
  readonly queueSizes: readonly number[]
}

/** The bits that are both offered and wanted, in blocks of 32. */
export function selectFeatures(offered: readonly number[], needs: DriverNeeds): number[] {
  return offered.map((bits, block) => {
    const wanted = (needs.wanted[block] ?? 0) | (block === 1 ? WANTED_OF_ALL_BLOCK1 : 0)
    const banned = block === 1 ? FEATURE_NOTIF_CONFIG_DATA_BLOCK1 : 0
    return (bits & wanted & ~banned) >>> 0
  })
}

/** What is required and was not selected, as words for a message; "" when nothing is missing. */
export function missingFeatures(selected: readonly number[], needs: DriverNeeds): string {
  for (const block of [0, 1]) {
    const required = (needs.required[block] ?? 0) | (block === 1 ? FEATURE_VERSION_1_BLOCK1 : 0)
    const missing = (required & ~(selected[block] ?? 0)) >>> 0
    if (missing !== 0) return `feature bits ${hex(missing)} of block ${block}`
  }
  return ""
}
