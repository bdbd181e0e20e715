// Names for numbers of the virtio specification.

import { DEVICE_TYPES, deviceTypeOf } from "../../../shared-protocol/src/device-types/catalogue.js"
import { bitNames } from "../hex.js"

/** Types that other people's devices have. */
const OTHER_TYPES = new Map([
  [1, "virtio-net"],
  [2, "virtio-blk"],
  [16, "virtio-gpu"],
  [19, "virtio-vsock"],
  [32, "virtio-scmi"],
  [45, "virtio-spi"],
])

/** Feature bits that mean the same for every device type (virtio 1.4 6). */
const COMMON_FEATURES = new Map([
  [24, "VIRTIO_F_NOTIFY_ON_EMPTY"],
  [28, "VIRTIO_F_INDIRECT_DESC"],
  [29, "VIRTIO_F_EVENT_IDX"],
  [32, "VIRTIO_F_VERSION_1"],
  [33, "VIRTIO_F_ACCESS_PLATFORM"],
  [34, "VIRTIO_F_RING_PACKED"],
  [35, "VIRTIO_F_IN_ORDER"],
  [36, "VIRTIO_F_ORDER_PLATFORM"],
  [37, "VIRTIO_F_SR_IOV"],
  [38, "VIRTIO_F_NOTIFICATION_DATA"],
  [39, "VIRTIO_F_NOTIF_CONFIG_DATA"],
  [40, "VIRTIO_F_RING_RESET"],
  [41, "VIRTIO_F_ADMIN_VQ"],
])

const STATUS_BITS: readonly [number, string][] = [
  [1, "ACKNOWLEDGE"],
  [2, "DRIVER"],
  [4, "DRIVER_OK"],
  [8, "FEATURES_OK"],
  [0x40, "DEVICE_NEEDS_RESET"],
  [0x80, "FAILED"],
]

/** "virtio-i2c" for 34. */
export function deviceTypeName(deviceId: number): string {
  const type = deviceTypeOf(deviceId)
  return type ? DEVICE_TYPES[type].name : (OTHER_TYPES.get(deviceId) ?? `virtio device type ${deviceId}`)
}

/** The numbers of the bits that are set in blocks of 32, ascending. */
export function featureBits(blocks: readonly number[]): number[] {
  return blocks.flatMap((bits, block) =>
    Array.from({ length: 32 }, (_, bit) => bit)
      .filter((bit) => (bits >>> bit) & 1)
      .map((bit) => 32 * block + bit),
  )
}

/** "VIRTIO_F_VERSION_1" for bit 32 of any device; "bit 7" for one without a name. */
export function featureName(deviceId: number, bit: number): string {
  const type = deviceTypeOf(deviceId)
  const own = type && DEVICE_TYPES[type].features.find(([number]) => number === bit)
  return own?.[1] ?? COMMON_FEATURES.get(bit) ?? `bit ${bit}`
}

/** "ACKNOWLEDGE | DRIVER" for 3, "0 (reset)" for 0. */
export function statusName(status: number): string {
  return status === 0 ? "0 (reset)" : bitNames(status, STATUS_BITS)
}
