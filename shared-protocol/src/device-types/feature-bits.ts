// Feature bits that mean the same for every device type (virtio 1.4 6), each in its block of 32.

/** VIRTIO_F_INDIRECT_DESC, bit 28. */
export const FEATURE_INDIRECT_DESC = 1 << 28
/** VIRTIO_F_EVENT_IDX, bit 29. */
export const FEATURE_EVENT_IDX = 1 << 29
/** VIRTIO_F_VERSION_1, bit 32. */
export const FEATURE_VERSION_1_BLOCK1 = 1 << 0
/** VIRTIO_F_ACCESS_PLATFORM, bit 33: addresses are the bus's, and not physical ones. */
export const FEATURE_ACCESS_PLATFORM_BLOCK1 = 1 << 1
/** VIRTIO_F_RING_PACKED, bit 34. */
export const FEATURE_RING_PACKED_BLOCK1 = 1 << 2
/** VIRTIO_F_IN_ORDER, bit 35. */
export const FEATURE_IN_ORDER_BLOCK1 = 1 << 3
/** VIRTIO_F_NOTIFICATION_DATA, bit 38: EVENT_AVAIL carries where the ring stands. */
export const FEATURE_NOTIFICATION_DATA_BLOCK1 = 1 << 6
/** VIRTIO_F_NOTIF_CONFIG_DATA, bit 39: must not be offered over this transport (V31, D26). */
export const FEATURE_NOTIF_CONFIG_DATA_BLOCK1 = 1 << 7
/** VIRTIO_F_RING_RESET, bit 40. */
export const FEATURE_RING_RESET_BLOCK1 = 1 << 8
