// Microchip's MCP2221 USB bridge (data sheet, "I2C/SMBus commands"): every command and every answer is a HID
// report of 64 bytes, one of each a millisecond.

import type { Contender, WireCost } from "./contender.js"
import { inTurn, repeated } from "./contender.js"

/** One command and its answer. */
const report: WireCost = { outBytes: 64, inBytes: 64, roundTrips: 1 }
/** Command 0x40 brings at most this much of what was read. */
const GET_DATA_BYTES = 60

export const mcp2221: Contender = {
  name: "MCP2221",
  links: ["usb"],
  canPipeline: false,
  cost({ kind, transfers, bytesEach }) {
    switch (kind) {
      case "register-reads":
      case "block-read": {
        // 0x94 writes without a stop, 0x93 reads after a repeated start, 0x40 fetches what was read
        const fetches = repeated(report, Math.ceil(bytesEach / GET_DATA_BYTES))
        return repeated(inTurn(report, report, fetches), transfers)
      }
      case "scan":
        // 0x90 writes nothing, 0x10 asks how it ended
        return repeated(inTurn(report, report), transfers)
      case "initialise":
        return report // 0x10 sets the speed
    }
  },
}
