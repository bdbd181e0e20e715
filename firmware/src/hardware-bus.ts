// The I2C controller of the board, by @devicescript/i2c (docs/bus.md "What the wires can do").

import { I2CError, i2c } from "@devicescript/i2c"
import type { ByteBuf } from "../../shared-protocol/src/bytes.js"
import {
  I2C_DONE,
  I2C_READ_FAILED,
  I2C_WRITE_FAILED,
  type I2cController,
} from "../../shared-protocol/src/device/i2c-controller.js"

/** The runtime's status for a read that failed; for a write it is -1. */
const RUNTIME_READ_FAILED = -2

export class HardwareBus implements I2cController {
  data: ByteBuf = Buffer.alloc(0)

  async transfer(
    address: number,
    write: ByteBuf,
    writeOffset: number,
    writeLength: number,
    readLength: number,
  ): Promise<number> {
    if (address === 0) return I2C_WRITE_FAILED // the runtime refuses the general call address
    // the runtime does nothing at all for a transaction without bytes, so a probe reads one
    const isProbe = writeLength === 0 && readLength === 0
    const bytes = Buffer.alloc(writeLength)
    if (writeLength > 0) bytes.blitAt(0, write as unknown as Buffer, writeOffset, writeLength)
    try {
      this.data = await i2c.xfer(address, bytes, isProbe ? 1 : readLength)
      return I2C_DONE
    } catch (e) {
      if (e instanceof I2CError && ((e as I2CError).status as number) === RUNTIME_READ_FAILED)
        return writeLength > 0 ? I2C_READ_FAILED : I2C_WRITE_FAILED
      return I2C_WRITE_FAILED
    }
  }
}
