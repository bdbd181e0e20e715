// How users write ports, for help texts and errors.

/** The forms that a port takes. */
export const PORT_FORMS =
  "sim, auto, a serial port's path, unix:PATH, tcp://HOST:PORT or tcp-listen://[ADDRESS]:PORT"
