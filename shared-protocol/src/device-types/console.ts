// The words of virtio-console (virtio 1.4 5.3): feature bits, configuration, queues.
//
//   configuration: cols le16@0, rows le16@2, max_nr_ports le32@4, emerg_wr le32@8 (only the first two are offered)
//   receiveq (0):  buffers that the device fills with its output; transmitq (1): the driver's input to the device

export const VIRTIO_ID_CONSOLE = 3
/** VIRTIO_CONSOLE_F_SIZE: cols and rows are valid. */
export const CONSOLE_FEATURE_SIZE = 1
/** VIRTIO_CONSOLE_F_EMERG_WRITE: what is written to emerg_wr is output; our device does not offer it. */
export const CONSOLE_FEATURE_EMERG_WRITE = 4
export const CONSOLE_CONFIG_SIZE = 12
export const CONSOLE_RECEIVE_QUEUE = 0
export const CONSOLE_TRANSMIT_QUEUE = 1
/** Descriptors of each queue. */
export const CONSOLE_QUEUE_SIZE = 8
