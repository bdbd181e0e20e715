// Message ids of the transport and of the bus (virtio-msg "Transport Messages", "Bus Messages").

export const GET_DEVICE_INFO = 0x02
export const GET_DEVICE_FEATURES = 0x03
export const SET_DRIVER_FEATURES = 0x04
export const GET_CONFIG = 0x05
export const SET_CONFIG = 0x06
export const GET_DEVICE_STATUS = 0x07
export const SET_DEVICE_STATUS = 0x08
export const GET_VQUEUE = 0x09
export const SET_VQUEUE = 0x0a
export const RESET_VQUEUE = 0x0b
export const GET_SHM = 0x0c

export const EVENT_CONFIG = 0x40
export const EVENT_AVAIL = 0x41
export const EVENT_USED = 0x42

/** Bus messages: the same numbers as transport messages, told apart by bit 1 of `type`. */
export const GET_DEVICES = 0x02
export const PING = 0x03
export const EVENT_DEVICE = 0x40
/** Implementation-defined: the first message of an epoch on our bus (docs/bus.md). */
export const HELLO = 0x80
