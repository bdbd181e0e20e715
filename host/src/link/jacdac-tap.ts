// Reads mailbox packets out of Jacdac frames that pass by, for code that watches a board from beside the link.

import { ANNOUNCE_REPORT, CONTROL_SERVICE_INDEX, decodeFrame, type JacdacPacket } from "./jacdac-frame.js"
import { findService, PACKET_COMMAND, PROBE_PACKET } from "./jacdac-link.js"
import type { Direction } from "./link.js"

export class JacdacTap {
  readonly #onPacket: (direction: Direction, packet: Uint8Array) => void
  /** Where the service is. Known from its announcement, or from a host that looked for it. */
  #deviceId: string | undefined
  #serviceIndex = 0

  constructor(onPacket: (direction: Direction, packet: Uint8Array) => void) {
    this.#onPacket = onPacket
  }

  /** A frame on its way: `out` to the board, `in` from it. */
  frame(direction: Direction, frame: Uint8Array): void {
    for (const packet of decodeFrame(frame)) {
      this.#lookForService(direction, packet)
      const isOurs =
        packet.deviceId === this.#deviceId &&
        packet.serviceIndex === this.#serviceIndex &&
        packet.command === PACKET_COMMAND &&
        packet.isCommand === (direction === "out")
      if (isOurs) this.#onPacket(direction, packet.payload)
    }
  }

  #lookForService(direction: Direction, packet: JacdacPacket): void {
    if (direction === "out") {
      const isProbe =
        packet.command === PACKET_COMMAND &&
        packet.payload.length === PROBE_PACKET.length &&
        PROBE_PACKET.every((byte, at) => packet.payload[at] === byte)
      if (isProbe) this.#found(packet.deviceId, packet.serviceIndex)
    } else if (packet.serviceIndex === CONTROL_SERVICE_INDEX && packet.command === ANNOUNCE_REPORT) {
      const serviceIndex = findService(packet.payload)
      if (serviceIndex > 0) this.#found(packet.deviceId, serviceIndex)
    }
  }

  #found(deviceId: string, serviceIndex: number): void {
    this.#deviceId = deviceId
    this.#serviceIndex = serviceIndex
  }
}
