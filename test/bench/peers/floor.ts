// The physical limit: only what has to be said is sent, without framing, checksum or acknowledgement.

import type { Contender } from "./contender.js"

export const floor: Contender = {
  name: "physical limit",
  links: ["115200", "921600", "usb"],
  canPipeline: true,
  cost({ kind, transfers, bytesEach }) {
    // a read: address, register, length; back: status and data
    if (kind === "register-reads" || kind === "block-read")
      return { outBytes: 3 * transfers, inBytes: transfers * (1 + bytesEach), roundTrips: 1 }
    // a scan: first and last address; back: a bit for each address
    if (kind === "scan") return { outBytes: 2, inBytes: Math.ceil(transfers / 8), roundTrips: 1 }
    return undefined
  },
}
