// How users write ports, for help texts and errors, and which port is used when they write none.

/**
 * The forms that a port takes. sim-native is the simulated board's device code without its firmware; the last two lead to
 * devices of other implementations (docs/conform-your-own.md).
 */
export const PORT_FORMS =
  "sim, sim-native, auto, a serial port's path, serial:NUMBER, unix:PATH, tcp://HOST:PORT, tcp-listen://[ADDRESS]:PORT, " +
  "plain:unix:PATH or qemu-msg:FOLDER/NAME"

/** The environment variable that names the port when the user writes none. */
export const PORT_VARIABLE = "VIRTIO_MSG_PORT"

/** The port when the user writes none: the value of VIRTIO_MSG_PORT, or `auto`. */
export function defaultPort(): string {
  return process.env[PORT_VARIABLE] || "auto"
}

/** The port of the simulated board's device code in this process, without a VM and without a mailbox. */
export const NATIVE_PORT = "sim-native"
