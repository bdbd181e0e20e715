// Frames that come to the simulated board while it sends one, as an answer that is given at once does.

import { expect, it } from "vitest"
import { allocateBytes } from "../../host/src/bytes.js"
import { VirtualClock } from "../../host/src/clock.js"
import { encodeCommand } from "../../host/src/link/jacdac-frame.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { PACKET_CONNECT, PACKET_DATA, RECORD_MESSAGE } from "../../shared-protocol/src/mailbox/packet.js"
import { encodePingRequest, PING_SIZE } from "../../shared-protocol/src/messages/bus.js"

const SERVER_ID = "eaf8c6572e0b30ef"
const PACKET_COMMAND = 0x80
/** Where the mailbox's packet begins in a frame, and the packet's acknowledgement in it. */
const PACKET_AT = 16
const PINGS = 12

/** Packet `sequence` of epoch 5: a ping. */
function ping(sequence: number): Uint8Array {
  const frame = allocateBytes(PING_SIZE)
  encodePingRequest(frame, sequence)
  const flags = PACKET_DATA | (sequence === 0 ? PACKET_CONNECT : 0)
  const packet = Uint8Array.of(flags, 5, 0, sequence, sequence, RECORD_MESSAGE, PING_SIZE, ...frame)
  return encodeCommand(SERVER_ID, 1, PACKET_COMMAND, packet)
}

it("hears what is sent to it from where it is heard, each frame and in order", async () => {
  const clock = new VirtualClock(1000)
  const machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
  const acknowledged: number[] = []
  let next = 1
  machine.onFrame.on((frame) => {
    if (frame.length < PACKET_AT + 5 || frame[14] !== PACKET_COMMAND || frame[15] !== 0) return
    if (((frame[PACKET_AT] as number) & PACKET_DATA) === 0) return
    acknowledged.push(frame[PACKET_AT + 4] as number)
    // two at once: the second must not overtake the first
    for (const end = Math.min(next + 2, PINGS); next < end; ) machine.sendFrame(ping(next++))
  })
  await machine.start()
  await clock.advance(2000)
  machine.sendFrame(ping(0))
  await clock.advance(2000)
  machine.stop()
  expect(acknowledged.at(-1)).toBe(PINGS)
})
