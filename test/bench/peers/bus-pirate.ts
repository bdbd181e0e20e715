// The Bus Pirate's binary I2C mode, command 0x08 "write then read": 08, two counts of 16 bits, the bytes to write;
// back: 01 and the bytes read, or 00. It knows no repeated start, so a register read is two of them with a stop
// between.

import type { Contender, WireCost } from "./contender.js"
import { inTurn, repeated } from "./contender.js"

const writeThenRead = (written: number, read: number): WireCost => ({
  outBytes: 1 + 2 + 2 + written,
  inBytes: 1 + read,
  roundTrips: 1,
})

export const busPirate: Contender = {
  name: "Bus Pirate",
  links: ["115200", "921600", "usb"],
  canPipeline: false,
  cost({ kind, transfers, bytesEach }) {
    switch (kind) {
      case "register-reads":
      case "block-read":
        // the address travels as a byte to write
        return repeated(inTurn(writeThenRead(2, 0), writeThenRead(1, bytesEach)), transfers)
      case "scan":
        return repeated(writeThenRead(1, 0), transfers)
      case "initialise":
        // 00 twenty times brings "BBIO1", 02 brings "I2C1", 63 sets 400 kHz and brings 01
        return { outBytes: 20 + 1 + 1, inBytes: 5 + 4 + 1, roundTrips: 3 }
    }
  },
}
