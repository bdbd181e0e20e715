// The firmware for a board, with the runtime's I2C call replaced by two chips that count what they are asked:
// everything above that call is what runs on silicon. test/firmware/firmware.test.ts drives it.
//
//   0x20 acknowledges; reads give the count of transactions so far, then what was written last
//   0x21 acknowledges writes and refuses reads; every other address is empty
//   0x22 takes 20 ms and fails, as a line that is held does on an ESP32, until 0x20 is written to
//   0x23 takes 20 ms and fails every time but the third, as a chip that stretches the clock for too long

import * as ds from "@devicescript/core"
import { makeEndpoint } from "../src/endpoint.js"
import { HardwareBus } from "../src/hardware-bus.js"
import { runMailboxService } from "../src/mailbox-service.js"

type DsI2c = typeof ds & {
  _i2cTransaction(address: number, write: Buffer, read?: Buffer): Promise<number>
}

const DONE = 0
const WRITE_FAILED = -1
const READ_FAILED = -2

let transactions = 0
let lastWritten = 0
let isHeld = false
let stretched = 0

function replaceWires(): void {
  ;(ds as DsI2c)._i2cTransaction = async (address, write, read) => {
    transactions++
    // the runtime does nothing, and so fails nothing, for a transaction without bytes
    if (write.length === 0 && read === undefined) return DONE
    if (address === 0x22) isHeld = true
    if (address === 0x20 && write.length > 0) isHeld = false
    if (address === 0x23) stretched++
    if (isHeld || (address === 0x23 && stretched % 3 !== 0)) {
      await ds.sleep(20)
      return write.length > 0 ? WRITE_FAILED : READ_FAILED
    }
    if (address === 0x23) return DONE
    if (address !== 0x20 && address !== 0x21) return write.length > 0 ? WRITE_FAILED : READ_FAILED
    if (write.length > 0) lastWritten = write[write.length - 1]
    if (read !== undefined) {
      if (address === 0x21) return READ_FAILED
      read[0] = transactions
      if (read.length > 1) read[1] = lastWritten
    }
    return DONE
  }
}

replaceWires()
await runMailboxService(
  makeEndpoint({ board: "wires test", hasSimulatedChips: false, controller: new HardwareBus() }),
)
