// The firmware for a board, with another function in place of the runtime's I2C call: it acknowledges the
// demonstration's chips and moves no bytes. So the benchmark counts the cost of the bytecode above that call, which
// is native code on a chip. The few operations of the function itself are counted, too.

import * as ds from "@devicescript/core"
import { makeHardwareEndpoint } from "../src/hardware-endpoint.js"
import { runMailboxService } from "../src/mailbox-service.js"

type DsI2c = typeof ds & {
  _i2cTransaction(address: number, write: Buffer, read?: Buffer): Promise<number>
}

const FAILED = -2

function replaceWires(): void {
  ;(ds as DsI2c)._i2cTransaction = async (address) => {
    if (address === 0x54) return 0
    return address === 0x50 ? 0 : FAILED
  }
}

replaceWires()
await runMailboxService(makeHardwareEndpoint())
