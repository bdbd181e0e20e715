// The I2C bus as the virtio-i2c device sees it: real wires on a board, simulated chips elsewhere.

import type { ByteBuf } from "../bytes.js"

/** The transaction was carried out. */
export const I2C_DONE = 0
/** The address, or a byte written, was not acknowledged; nothing behind it was carried out. */
export const I2C_WRITE_FAILED = 1
/** The write, if there was one, was carried out; the read was not. */
export const I2C_READ_FAILED = 2
/** As I2C_WRITE_FAILED, and the bus itself does not work: whoever drives it should look at the wires. */
export const I2C_BUS_HELD = 3

export interface I2cController {
  /** The bytes of the last read that was carried out, from index 0; valid until the next transfer. */
  readonly data: ByteBuf
  /**
   * Carries out one bus transaction with the 7-bit `address`: writes `writeLength` bytes of `write` from
   * `writeOffset`, then, after a repeated start, reads `readLength` bytes into `data`. Both 0: only asks
   * whether a chip acknowledges the address. Returns one of I2C_*. Never throws.
   */
  transfer(
    address: number,
    write: ByteBuf,
    writeOffset: number,
    writeLength: number,
    readLength: number,
  ): Promise<number>
}
