// Layout of a split virtqueue (virtio 1.4 2.7), all little-endian.
//
//   descriptor, 16 bytes:  addr u64@0, len u32@8, flags u16@12, next u16@14
//   available ring:        flags u16@0, idx u16@2, ring u16[size]@4, used_event u16 behind it
//   used ring:             flags u16@0, idx u16@2, { id u32, len u32 }[size]@4, avail_event u16 behind it

export const DESCRIPTOR_SIZE = 16
export const DESCRIPTOR_NEXT = 1
export const DESCRIPTOR_WRITE = 2
export const DESCRIPTOR_INDIRECT = 4

/** Flags of the available ring: the driver does not want EVENT_USED. */
export const AVAIL_NO_INTERRUPT = 1
/** Flags of the used ring: the device does not want EVENT_AVAIL. */
export const USED_NO_NOTIFY = 1

/** Alignment of the three parts (D52). */
export const DESC_ALIGNMENT = 16
export const AVAIL_ALIGNMENT = 2
export const USED_ALIGNMENT = 4

/** The area of the window that the driver writes; an address is `area << 48 | offset`. */
export const DRIVER_AREA = 1
/** The area of the window that the device writes. */
export const DEVICE_AREA = 2

/** A 64-bit address in two unsigned halves. */
export interface BaseAddress {
  readonly low: number
  readonly high: number
}

/** Where the two areas begin, as descriptors and SET_VQUEUE carry it. */
export interface WindowBases {
  readonly driver: BaseAddress
  readonly device: BaseAddress
}

/** On the serial mailbox bus: `area << 48`. */
export const AREA_BASES: WindowBases = {
  driver: { low: 0, high: DRIVER_AREA << 16 },
  device: { low: 0, high: DEVICE_AREA << 16 },
}

/** What driver and device agreed on that changes how rings are used. */
export interface RingFeatures {
  /** VIRTIO_F_INDIRECT_DESC: a descriptor may stand for a table of them. */
  readonly hasIndirect: boolean
  /** VIRTIO_F_EVENT_IDX: each side says at which index it wants to hear again. */
  readonly hasEventIdx: boolean
  /** VIRTIO_F_IN_ORDER: chains come back in order, and one used element may stand for a batch. */
  readonly hasInOrder: boolean
}

/** Bytes of the descriptor table of a queue of `size` descriptors. */
export function descBytes(size: number): number {
  return DESCRIPTOR_SIZE * size
}

/** Bytes of the available ring, used_event included. */
export function availBytes(size: number): number {
  return 6 + 2 * size
}

/** Bytes of the used ring, avail_event included. */
export function usedBytes(size: number): number {
  return 6 + 8 * size
}

/** Whether `size` is a size that a split virtqueue may have: a power of two up to 32768. */
export function isQueueSize(size: number): boolean {
  return size >= 1 && size <= 32768 && (size & (size - 1)) === 0
}

/**
 * Whether a notification is due under VIRTIO_F_EVENT_IDX: the index went from `oldIndex` to `newIndex`,
 * and the other side asked to hear when it passes `eventIndex` (virtio 1.4 2.7.7.2, 2.7.10).
 */
export function isEventDue(eventIndex: number, newIndex: number, oldIndex: number): boolean {
  return ((newIndex - eventIndex - 1) & 0xffff) < ((newIndex - oldIndex) & 0xffff)
}
