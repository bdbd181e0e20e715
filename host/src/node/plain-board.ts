// The simulated board's devices behind the plain profile, run natively: `virtio-msg sim --listen plain:unix:PATH`.
// No bytecode and no mailbox: a peer for drivers of other implementations (docs/conform-your-own.md).

import { randomFillSync } from "node:crypto"
import { demoChips, SimulatedBus } from "../../../firmware/src/chips/simulated-bus.js"
import { SimulatedLines } from "../../../firmware/src/gpio/simulated-lines.js"
import { GpioDevice } from "../../../shared-protocol/src/device/gpio.js"
import { I2cDevice } from "../../../shared-protocol/src/device/i2c.js"
import { RngDevice } from "../../../shared-protocol/src/device/rng.js"
import { MAX_AREA_SIZE } from "../../../shared-protocol/src/mailbox/packet.js"
import { allocateBytes, type HostBytes } from "../bytes.js"
import { type Clock, systemClock } from "../clock.js"
import { VirtioMsgError } from "../errors.js"
import type { BoardServer } from "./board-server.js"
import { PlainDevice } from "./plain-device.js"
import { PlainServer } from "./plain-server.js"

const WINDOW_BYTES = MAX_AREA_SIZE
/** What the text recommends at most. */
const MAX_MESSAGE_SIZE = 264

/** The devices of the simulated board that need no program: I2C, GPIO, entropy. */
export function simulatedTypes(clock: Clock) {
  const now = () => clock.now()
  const entropy = {
    fill: (into: unknown, offset: number, lengthBytes: number) =>
      void randomFillSync(into as HostBytes, offset, lengthBytes),
  }
  const chips = new SimulatedBus(demoChips(now, allocateBytes), allocateBytes)
  return [
    new I2cDevice(chips, allocateBytes(0), () => Promise.resolve(), allocateBytes),
    new GpioDevice(new SimulatedLines(now), allocateBytes),
    new RngDevice(entropy, allocateBytes(0)),
  ]
}

/** Serves them at `listen`, `plain:unix:PATH`. Rejects with INVALID_ARGUMENT or CONNECT_FAILED. */
export async function servePlainBoard(
  listen: string,
  onNotice: (sentence: string) => void = () => {},
): Promise<BoardServer> {
  const [, socketPath] = /^plain:unix:(.+)$/.exec(listen) ?? []
  if (socketPath === undefined)
    throw new VirtioMsgError("INVALID_ARGUMENT", `"${listen}" is nothing to listen on.`, {
      hint: "The plain profile shares memory on one machine: use plain:unix:PATH.",
    })
  let device: PlainDevice | undefined
  const parameters = { revision: 1, maxMessageSize: MAX_MESSAGE_SIZE, transportFeatures: 0 }
  const events = {
    onFrame: (frame: Uint8Array) => device?.take(frame),
    onConnect: () => device?.connect(),
    onNotice,
  }
  const server = await PlainServer.listen(parameters, WINDOW_BYTES, events, socketPath)
  device = new PlainDevice(
    { types: simulatedTypes(systemClock), windowBytes: WINDOW_BYTES, maxMessageSize: MAX_MESSAGE_SIZE },
    server.window,
    (frame) => server.send(frame),
  )
  return server
}
