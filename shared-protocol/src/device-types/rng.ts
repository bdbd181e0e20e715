// The words of virtio-rng (virtio 1.4 5.4): one queue of writable buffers, no feature bits, no configuration.

export const VIRTIO_ID_RNG = 4
/** Descriptors, which are requests here. */
export const RNG_QUEUE_SIZE = 8
