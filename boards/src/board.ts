// What we know of a board: data only.

export interface UsbId {
  readonly vendor: number
  readonly product: number
}

export interface Board {
  /** As the DeviceScript command line tool calls it. */
  readonly id: string
  readonly name: string
  readonly chip: string
  /** The USB ids under which its serial port appears, running DeviceScript or not. */
  readonly usb: readonly UsbId[]
  /** GPIO numbers of the I2C bus, as wired or as usual on the board. */
  readonly i2c: { readonly sda: number; readonly scl: number }
}
