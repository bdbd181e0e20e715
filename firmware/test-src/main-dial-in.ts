// The simulated firmware over a TCP socket that it opens itself, as a board could do over WiFi: for the benchmark
// (test/bench/dial-in.ts). Packets are framed by a length byte. Sockets are not throttled.

import { connect } from "@devicescript/net"
import type { ByteBuf } from "../../shared-protocol/src/bytes.js"
import { makeSimulatedEndpoint } from "../src/simulated-endpoint.js"

/** The benchmark listens here. */
const PORT = 47654

const endpoint = makeSimulatedEndpoint("dial-in")
const socket = await connect({ proto: "tcp", host: "127.0.0.1", port: PORT })
// the runtime asserts when the other side speaks first
await socket.send(Buffer.from([0]))

let rest = Buffer.alloc(0)
while (true) {
  const chunk = await socket.recv()
  if (!chunk) break
  const bytes = rest.length > 0 ? Buffer.concat(rest, chunk) : chunk
  let at = 0
  while (at < bytes.length && at + bytes[at] < bytes.length) {
    const packet = bytes.slice(at + 1, at + 1 + bytes[at])
    at += 1 + bytes[at]
    endpoint.receive(packet as unknown as ByteBuf)
  }
  rest = bytes.slice(at)
  await endpoint.work()
  let packet = endpoint.nextPacket()
  while (packet !== undefined) {
    const frame = Buffer.alloc(1 + packet.length)
    frame[0] = packet.length
    frame.blitAt(1, packet as unknown as Buffer, 0, packet.length)
    await socket.send(frame)
    packet = endpoint.nextPacket()
  }
}
