// A bus to a board behind a serial port whose cable can be bad, or be pulled.

import { Bus } from "../../host/src/bus/bus.js"
import { PacketChannel } from "../../host/src/bus/packet-channel.js"
import type { VirtualClock } from "../../host/src/clock.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { StreamPort } from "../../host/src/link/stream-port.js"
import { Tap, tapLink } from "../../host/src/link/tap.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { NO_FAULTS } from "./faults.js"
import { FaultyStream, type FrameBoard } from "./faulty-stream.js"
import { seededRandom } from "./seeded-random.js"

export interface BusOverStream {
  readonly stream: FaultyStream
  readonly channel: PacketChannel
  readonly bus: OpenedBus
}

/** Opens a bus that opens its link again; the cable is good until `stream.setFaults`. */
export async function openOver(clock: VirtualClock, seed: number, board: FrameBoard): Promise<BusOverStream> {
  const random = seededRandom(seed)
  const stream = new FaultyStream(clock, random, NO_FAULTS, board)
  const link = new JacdacLink(new StreamPort(stream, clock), clock)
  const trace = new Tap()
  const channel = new PacketChannel(tapLink(link, trace), { clock, random })
  const bus = new OpenedBus(await clock.run(Bus.open(channel, { clock, random, trace, reopen: true })))
  return { stream, channel, bus }
}
