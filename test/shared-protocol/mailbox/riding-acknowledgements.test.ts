// Acknowledgements ride along with whatever the device has to say: it spends no packet on one that is owed no more
// (docs/bus.md "Delivery and flow control").

import { expect, it } from "vitest"
import { PACKET_CONNECT, PACKET_DATA } from "../../../shared-protocol/src/mailbox/packet.js"
import { DeviceHarness } from "../support/device-harness.js"

const PING = Uint8Array.of(2, 3, 0, 0, 1, 0, 12, 0, 1, 2, 3, 4)

function pingPacket(sequence: number, acknowledged: number, flags = PACKET_DATA): Uint8Array {
  return Uint8Array.of(flags, 0x77, 0, sequence, acknowledged, 0, PING.length, ...PING)
}

it("answers forty packets with forty, each of which acknowledges, and none that only does", () => {
  const { endpoint } = new DeviceHarness()
  endpoint.receive(pingPacket(0, 0, PACKET_DATA | PACKET_CONNECT))
  for (let sequence = 1; sequence <= 40; sequence++) {
    const answer = endpoint.nextPacket()
    expect(answer?.[0]).toBe(PACKET_DATA)
    expect(answer?.[4]).toBe(sequence) // the next that it waits for
    expect(endpoint.nextPacket()).toBeUndefined()
    endpoint.receive(pingPacket(sequence, sequence))
  }
})
