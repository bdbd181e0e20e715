// The words of virtio-gpio (virtio 1.4 5.18): feature bits, configuration, request format, limits.
//
//   configuration: ngpio le16@0, padding[2]@2, gpio_names_size le32@4
//   requestq (0):  request type le16@0, gpio le16@2, value le32@4 (readable, 8 bytes), then
//                  response status u8@0, value u8@1 (writable, 2 bytes); GET_LINE_NAMES: status, then the names
//   eventq (1):    request gpio le16@0 (readable, 2 bytes), then response status u8@0 (writable, 1 byte); a line's
//                  chain unmasks its interrupt once, and comes back when that is due

export const VIRTIO_ID_GPIO = 41
/** VIRTIO_GPIO_F_IRQ: there is an eventq. */
export const GPIO_FEATURE_IRQ = 1
export const GPIO_CONFIG_SIZE = 8
export const GPIO_REQUEST_SIZE = 8
export const GPIO_RESPONSE_SIZE = 2
export const GPIO_REQUEST_QUEUE = 0
export const GPIO_EVENT_QUEUE = 1

/** VIRTIO_GPIO_MSG_*. */
export const GPIO_GET_LINE_NAMES = 1
export const GPIO_GET_DIRECTION = 2
export const GPIO_SET_DIRECTION = 3
export const GPIO_GET_VALUE = 4
export const GPIO_SET_VALUE = 5
export const GPIO_SET_IRQ_TYPE = 6

export const GPIO_DIRECTION_NONE = 0
export const GPIO_DIRECTION_OUT = 1
export const GPIO_DIRECTION_IN = 2

/** VIRTIO_GPIO_IRQ_TYPE_*; the two edges are bits. */
export const GPIO_IRQ_NONE = 0
export const GPIO_IRQ_EDGE_RISING = 1
export const GPIO_IRQ_EDGE_FALLING = 2
export const GPIO_IRQ_EDGE_BOTH = 3
export const GPIO_IRQ_LEVEL_HIGH = 4
export const GPIO_IRQ_LEVEL_LOW = 8

export const GPIO_STATUS_OK = 0
export const GPIO_STATUS_ERROR = 1
export const GPIO_IRQ_STATUS_INVALID = 0
export const GPIO_IRQ_STATUS_VALID = 1

/** Descriptors of the request queue at most: 8 requests of 2. */
export const GPIO_REQUEST_QUEUE_SIZE = 16
/** And of the event queue: 2 for each of up to 16 lines. */
export const GPIO_EVENT_QUEUE_SIZE = 32
/** What the event queue has room for. */
export const GPIO_MAX_LINES = GPIO_EVENT_QUEUE_SIZE / 2
