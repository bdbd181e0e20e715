// Firmata's I2C messages (Firmata protocol 2.x, "I2C"): System Exclusive messages of 7-bit bytes, so each byte of
// data takes two. No checksum, no acknowledgement.

import type { Contender, WireCost } from "./contender.js"
import { repeated } from "./contender.js"

/** StandardFirmata reads through Arduino's Wire, whose buffer holds 32 bytes on AVR boards. */
const WIRE_BUFFER_BYTES = 32

/** Read once: F0 76, address, mode, register (2), count (2), F7. Back: F0 77, address (2), register (2), data, F7. */
function read(bytes: number): WireCost {
  return { outBytes: 2 + 2 + 2 + 2 + 1, inBytes: 2 + 2 + 2 + 2 * bytes + 1, roundTrips: 1 }
}

/**
 * Asking whether a chip is there means reading a byte of it: F0 76, address, mode, count (2), F7. An absent one
 * gives the text "I2C: Too few bytes received", two bytes a character between F0 71 and F7, and an empty reply.
 */
function probeOfAbsentChip(): WireCost {
  const text = "I2C: Too few bytes received".length
  return { outBytes: 2 + 2 + 2 + 1, inBytes: 2 + 2 * text + 1 + read(0).inBytes, roundTrips: 1 }
}

export const firmata: Contender = {
  name: "Firmata",
  links: ["115200", "921600", "usb"],
  canPipeline: true,
  cost({ kind, transfers, bytesEach }) {
    switch (kind) {
      case "register-reads":
        return repeated(read(bytesEach), transfers)
      case "block-read":
        return repeated(read(WIRE_BUFFER_BYTES), Math.ceil(bytesEach / WIRE_BUFFER_BYTES))
      case "scan":
        return repeated(probeOfAbsentChip(), transfers)
      case "initialise":
        // version: F9, back F9 and 2; I2C configuration: F0 78, delay (2), F7, not answered
        return { outBytes: 1 + 5, inBytes: 3, roundTrips: 1 }
    }
  },
}
