// Jacdac's own I2C service (class 0x1c18ca43): command and report 0x80 "transaction", over the same frames and the
// same USB serial framing as ours. Served in C, so DeviceScript's limit of 50 packets a second does not apply.

import type { Contender, WireCost } from "./contender.js"
import { inTurn, repeated } from "./contender.js"

const FRAME_HEADER_BYTES = 12
const PACKET_HEADER_BYTES = 4
/** FE FC in front, FE FD behind. */
const SERIAL_FRAMING_BYTES = 4
const MAX_PAYLOAD_BYTES = 236

/** Bytes on the wire of a packet with `payload` bytes: packets are padded to a multiple of four. */
function frame(payload: number): number {
  return FRAME_HEADER_BYTES + ((PACKET_HEADER_BYTES + payload + 3) & ~3) + SERIAL_FRAMING_BYTES
}

/** Command: address u8, num_read u8, the bytes to write. Report: status u8, the bytes read. */
function transaction(written: number, read: number): WireCost {
  return { outBytes: frame(2 + written), inBytes: frame(1 + read), roundTrips: 1 }
}

export const jacdacI2c: Contender = {
  name: "Jacdac I2C service",
  links: ["115200", "921600", "usb"],
  canPipeline: true,
  cost({ kind, transfers, bytesEach }) {
    switch (kind) {
      case "register-reads":
        return repeated(transaction(1, bytesEach), transfers)
      case "block-read": {
        const most = MAX_PAYLOAD_BYTES - 1
        const whole = repeated(transaction(1, most), Math.floor(bytesEach / most))
        return inTurn(whole, transaction(1, bytesEach % most))
      }
      case "scan":
        return repeated(transaction(0, 1), transfers)
      case "initialise":
        return undefined // services announce themselves
    }
  },
}
