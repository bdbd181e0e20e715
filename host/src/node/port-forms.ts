// How users write ports, for help texts and errors, and which port it is when they write none.

/** The forms that a port takes. */
export const PORT_FORMS =
  "sim, auto, a serial port's path, unix:PATH, tcp://HOST:PORT or tcp-listen://[ADDRESS]:PORT"

/** The environment variable that names the port of who names none. */
export const PORT_VARIABLE = "VIRTIO_MSG_PORT"

/** The port of who names none: what VIRTIO_MSG_PORT says, else `auto`. */
export function defaultPort(): string {
  return process.env[PORT_VARIABLE] || "auto"
}
