// Greetings of boards that are none to a port that waits for one: the listener goes on, and the board that comes behind
// them is found; one that greets soundly may have been taken before it.

import net from "node:net"
import fc from "fast-check"
import { systemClock } from "../../../host/src/clock.js"
import { encodeDialRecord } from "../../../host/src/link/dial-record.js"
import { PROBE_PACKET } from "../../../host/src/link/jacdac-link.js"
import { DialInLink } from "../../../host/src/node/dial-in-link.js"
import { MAX_PACKET_SIZE, PACKET_NO_EPOCH } from "../../../shared-protocol/src/mailbox/packet.js"
import { type FuzzTarget, plain } from "../target.js"
import { said } from "./hostile-client.js"

const GREETING = encodeDialRecord(Uint8Array.of(PACKET_NO_EPOCH, ...PROBE_PACKET.slice(1)))

const greeting = fc.constant(GREETING)
const near = fc
  .tuple(fc.nat(GREETING.length - 1), fc.nat(255))
  .map(([at, value]) => GREETING.map((byte, index) => (index === at ? value : byte)))
const record = fc
  .uint8Array({ minLength: 0, maxLength: 255, size: "max" })
  .map((bytes) => Uint8Array.of(bytes.length, ...bytes))
const noise = fc.uint8Array({ maxLength: 300, size: "max" })
const stream = fc.array(fc.oneof(near, near, record, noise, greeting), { minLength: 1, maxLength: 4 })

export const dialIn: FuzzTarget<Uint8Array[][]> = {
  name: "dial-in",
  about: "greetings of boards that are none, and what follows sound ones, to a port that waits for a board",
  cases: fc.array(stream, { minLength: 1, maxLength: 3 }),
  async run(strangers) {
    const link = new DialInLink({ host: "127.0.0.1", port: 0, isExposed: false }, { clock: systemClock })
    let isOpen = false
    const opening = link
      .open({
        onPacket: (packet) => {
          if (packet.length < 5 || packet.length > MAX_PACKET_SIZE)
            throw new Error(`a packet of ${packet.length} bytes`)
        },
        onClose: () => {},
      })
      .then(() => {
        isOpen = true
      })
    while (link.name.endsWith(":0")) await new Promise((resolve) => setImmediate(resolve))
    const port = Number(link.name.slice(link.name.lastIndexOf(":") + 1))
    for (const pieces of strangers) if (!isOpen) await said(net.connect(port, "127.0.0.1"), pieces)
    if (!isOpen) {
      const board = net.connect(port, "127.0.0.1")
      board.on("error", () => {})
      board.write(GREETING)
      await opening
      board.resetAndDestroy()
    }
    await opening
    await link.close()
  },
  ...plain,
}
