// The words of virtio-i2c (virtio 1.4 5.16): feature bits, request format, limits.
//
//   a request is one chain: header (8 bytes, readable), the bytes to write (readable) or to read (writable)
//   unless there are none, status (1 byte, writable)
//   header: addr le16@0 (7-bit address << 1), padding le16@2, flags le32@4 (bit 0 FAIL_NEXT, bit 1 M_RD)

export const VIRTIO_ID_I2C = 34
/** VIRTIO_I2C_F_ZERO_LENGTH_REQUEST: driver and device must both support it. */
export const I2C_FEATURE_ZERO_LENGTH_REQUEST = 1
export const I2C_HEADER_SIZE = 8
/** The next request belongs to the same group and fails if this one does. */
export const I2C_FLAG_FAIL_NEXT = 1
/** The request reads. */
export const I2C_FLAG_M_RD = 2
export const I2C_STATUS_OK = 0
export const I2C_STATUS_ERROR = 1

/** Descriptors of the request queue at most: 64 requests of 4. */
export const I2C_QUEUE_SIZE = 256

/**
 * The most that one message writes or reads, on wires and on simulated chips: a display's frame of 1 KiB behind its
 * control byte. So much always fits the window, also with all devices open, and a chip's heap.
 */
export const I2C_MAX_TRANSFER_BYTES = 1032

// How a transaction on the bus ended, as the device's controller and chips outside the board tell it.

/** The transaction was carried out. */
export const I2C_DONE = 0
/** The address, or a byte written, was not acknowledged; nothing behind it was carried out. */
export const I2C_WRITE_FAILED = 1
/** The write, if there was one, was carried out; the read was not. */
export const I2C_READ_FAILED = 2
/** As I2C_WRITE_FAILED, and the bus itself does not work: whoever drives it should look at the wires. */
export const I2C_BUS_HELD = 3
