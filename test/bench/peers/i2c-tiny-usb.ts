// i2c-tiny-usb, as Linux's driver of that name speaks it: each I2C message is a USB control transfer, and another
// one asks for its status. A control transfer begins with a setup packet of 8 bytes.

import type { Contender, WireCost } from "./contender.js"
import { inTurn, repeated } from "./contender.js"

const SETUP_BYTES = 8

const writeMessage = (bytes: number): WireCost => ({
  outBytes: SETUP_BYTES + bytes,
  inBytes: 0,
  roundTrips: 1,
})
const readMessage = (bytes: number): WireCost => ({ outBytes: SETUP_BYTES, inBytes: bytes, roundTrips: 1 })
const status = readMessage(1)

export const i2cTinyUsb: Contender = {
  name: "i2c-tiny-usb",
  links: ["usb"],
  canPipeline: false,
  cost({ kind, transfers, bytesEach }) {
    switch (kind) {
      case "register-reads":
      case "block-read":
        return repeated(inTurn(writeMessage(1), status, readMessage(bytesEach), status), transfers)
      case "scan":
        return repeated(inTurn(writeMessage(0), status), transfers)
      case "initialise":
        // CMD_GET_FUNC, four bytes, and CMD_SET_DELAY
        return inTurn(readMessage(4), writeMessage(0))
    }
  },
}
