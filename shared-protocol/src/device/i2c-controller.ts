// The I2C bus as the virtio-i2c device sees it: real wires on a board, simulated chips elsewhere.

import type { ByteBuf } from "../bytes.js"

export interface I2cController {
  /** The bytes of the last read that was carried out, from index 0; valid until the next transfer. */
  readonly data: ByteBuf
  /**
   * Carries out one bus transaction with the 7-bit `address`: writes `writeLength` bytes of `write` from
   * `writeOffset`, then, after a repeated start, reads `readLength` bytes into `data`. Both 0: only asks
   * whether a chip acknowledges the address. Returns I2C_DONE, I2C_WRITE_FAILED, I2C_READ_FAILED or I2C_BUS_HELD. Never throws.
   */
  transfer(
    address: number,
    write: ByteBuf,
    writeOffset: number,
    writeLength: number,
    readLength: number,
  ): Promise<number>
}
