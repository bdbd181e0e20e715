// The I2C controller of the board, by @devicescript/i2c (docs/bus.md "What the wires can do").

import * as ds from "@devicescript/core"
import { I2CError, i2c } from "@devicescript/i2c"
import type { ByteBuf } from "../../shared-protocol/src/bytes.js"
import type { I2cController } from "../../shared-protocol/src/device/i2c-controller.js"
import {
  I2C_BUS_HELD,
  I2C_DONE,
  I2C_MAX_TRANSFER_BYTES,
  I2C_READ_FAILED,
  I2C_WRITE_FAILED,
} from "../../shared-protocol/src/device-types/i2c.js"

/** The runtime's status for a read that failed; for a write it is -1. */
const RUNTIME_READ_FAILED = -2

/** A missing acknowledgement is noticed at once. What fails so much later than its bytes need has timed out. */
const TIMEOUT_MS = 8
/** Bytes of 9 bits that pass in a millisecond at 100 kHz, the slowest usual speed. */
const BYTES_PER_MS = 11
/** One transaction may time out because its chip is slow. When so many in a row do, the bus is held. */
const HELD_AFTER = 5

/**
 * Passes on what the runtime calls success. On a Pico, that is also a transaction in which a chip refused a data byte
 * (docs/bus.md).
 */
export class HardwareBus implements I2cController {
  private readonly noData: ByteBuf = Buffer.alloc(0)
  data: ByteBuf = this.noData
  /** The clock at the last transaction. The runtime only sets its clock when the program waits. */
  private seenMs = -1
  /** Transactions that timed out, in a row. */
  private timedOut = 0

  async transfer(
    address: number,
    write: ByteBuf,
    writeOffset: number,
    writeLength: number,
    readLength: number,
  ): Promise<number> {
    if (address === 0) return I2C_WRITE_FAILED // the runtime refuses the general call address
    if (writeLength > I2C_MAX_TRANSFER_BYTES || readLength > I2C_MAX_TRANSFER_BYTES) return I2C_WRITE_FAILED
    const startMs = ds.millis()
    const isClockFresh = startMs !== this.seenMs
    this.seenMs = startMs
    // the runtime does nothing at all for a transaction without bytes, so a probe reads one
    const isProbe = writeLength === 0 && readLength === 0
    const bytes = Buffer.alloc(writeLength)
    if (writeLength > 0) bytes.blitAt(0, write as unknown as Buffer, writeOffset, writeLength)
    let status = 0
    this.data = this.noData // freed first: the heap has no room for the last read's bytes beside this one's
    try {
      this.data = await i2c.xfer(address, bytes, isProbe ? 1 : readLength)
      this.timedOut = 0
      return I2C_DONE
    } catch (e) {
      if (!(e instanceof I2CError)) return I2C_WRITE_FAILED // the runtime has no bus at all
      status = (e as I2CError).status as number
    }
    if (isClockFresh && (await this.isHeld(startMs, writeLength + readLength))) return I2C_BUS_HELD
    return status === RUNTIME_READ_FAILED && writeLength > 0 ? I2C_READ_FAILED : I2C_WRITE_FAILED
  }

  /**
   * Whether the bus is held, after a failure. The runtime has one status for a missing acknowledgement, a lost
   * arbitration and a line that stays low, but the last takes until a time-out. On a board without a time-out this is
   * never true.
   */
  private async isHeld(startMs: number, lengthBytes: number): Promise<boolean> {
    const enoughMs = TIMEOUT_MS + lengthBytes / BYTES_PER_MS
    await ds.sleep(1) // the clock only goes on in a wait
    let nowMs = ds.millis()
    let tookMs = nowMs - startMs
    if (tookMs >= enoughMs) {
      // perhaps the wait itself took so long, since others run meanwhile: this measures it
      let waitMs = 0
      for (let i = 0; i < 2; i++) {
        await ds.sleep(1)
        const passedMs = ds.millis() - nowMs
        nowMs += passedMs
        if (passedMs > waitMs) waitMs = passedMs
      }
      tookMs -= waitMs
    }
    if (tookMs < enoughMs) {
      this.timedOut = 0
      return false
    }
    this.timedOut++
    if (this.timedOut < HELD_AFTER) return false
    this.timedOut = 0
    console.log(`I2C: ${HELD_AFTER} transactions in a row timed out, the last after ${tookMs} ms`)
    return true
  }
}
