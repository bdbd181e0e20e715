// Reads mailbox packets out of Jacdac frames that pass by, for code that watches a board from beside the link.

import { ANNOUNCE_REPORT, CONTROL_SERVICE_INDEX, decodeFrame, type JacdacPacket } from "./jacdac-frame.js"
import { findService, PACKET_COMMAND, PROBE_PACKET } from "./jacdac-link.js"
import type { Direction } from "./link.js"

/** What is told of each frame on its way, `out` to the board or `in` from it. */
export type JacdacTap = (direction: Direction, frame: Uint8Array) => void

/** `onPacket` is called for each mailbox packet in the frames. */
export function makeJacdacTap(onPacket: (direction: Direction, packet: Uint8Array) => void): JacdacTap {
  let service: ReturnType<typeof serviceIn>
  return (direction, frame) => {
    for (const packet of decodeFrame(frame)) {
      service = serviceIn(direction, packet) ?? service
      const isOurs =
        packet.deviceId === service?.deviceId &&
        packet.serviceIndex === service.serviceIndex &&
        packet.command === PACKET_COMMAND &&
        packet.isCommand === (direction === "out")
      if (isOurs) onPacket(direction, packet.payload)
    }
  }
}

/** Where the service is: known from its announcement, or from a host that looks for it. */
function serviceIn(direction: Direction, { deviceId, serviceIndex, command, payload }: JacdacPacket) {
  if (direction === "out") {
    const isProbe =
      command === PACKET_COMMAND &&
      payload.length === PROBE_PACKET.length &&
      PROBE_PACKET.every((byte, at) => payload[at] === byte)
    return isProbe ? { deviceId, serviceIndex } : undefined
  }
  const isAnnouncement = serviceIndex === CONTROL_SERVICE_INDEX && command === ANNOUNCE_REPORT
  const announced = isAnnouncement ? findService(payload) : 0
  return announced > 0 ? { deviceId, serviceIndex: announced } : undefined
}
