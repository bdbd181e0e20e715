// The devices of the simulated board behind the plain profile: `virtio-msg sim --listen plain:unix:PATH`. Their code
// runs in this process, without bytecode and without a mailbox. Drivers of other implementations can be tried with it
// (docs/conform-your-own.md).

import { randomFillSync } from "node:crypto"
import { demoChips, SimulatedBus } from "../../../firmware/src/chips/simulated-bus.js"
import { SimulatedLines } from "../../../firmware/src/gpio/simulated-lines.js"
import type { DeviceModel } from "../../../shared-protocol/src/device/device-model.js"
import { GpioDevice } from "../../../shared-protocol/src/device/gpio.js"
import { I2cDevice } from "../../../shared-protocol/src/device/i2c.js"
import { RngDevice } from "../../../shared-protocol/src/device/rng.js"
import { MAX_AREA_SIZE } from "../../../shared-protocol/src/mailbox/packet.js"
import { allocateBytes, type HostBytes } from "../bytes.js"
import { type Clock, systemClock, type Timer } from "../clock.js"
import { invalidArgument } from "../errors.js"
import { PlainDevice } from "../plain/plain-device.js"
import type { BoardServer } from "./board-server.js"
import { NativeChannel } from "./native-channel.js"
import { PlainServer } from "./plain-server.js"
import { NATIVE_PORT } from "./port-forms.js"

const WINDOW_BYTES = MAX_AREA_SIZE
/** Between two looks at the GPIO lines while an interrupt is enabled, and while none is: as the firmware does. */
const SAMPLE_MS = 10
const IDLE_SAMPLE_MS = 50
/** What the text recommends at most. */
const MAX_MESSAGE_SIZE = 264

/** The devices of the simulated board that need no program: I2C, GPIO, entropy. */
export function simulatedModels(clock: Clock) {
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

/** Serves them at `listen`, `plain:unix:PATH`. Rejects with INVALID_ARGUMENT or SYSTEM_FAILED. */
export async function servePlainBoard(
  listen: string,
  onNotice: (sentence: string) => void = () => {},
  clock: Clock = systemClock,
): Promise<BoardServer> {
  const [, socketPath] = /^plain:unix:(.+)$/.exec(listen) ?? []
  if (socketPath === undefined)
    throw invalidArgument(`"${listen}" is nothing to listen on.`, {
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
  const models = simulatedModels(clock)
  device = new PlainDevice(
    { models, windowBytes: WINDOW_BYTES, maxMessageSize: MAX_MESSAGE_SIZE },
    server.window,
    (frame) => server.send(frame),
  )
  const stopSampling = sampleLines(models, clock)
  return {
    port: server.port,
    async close() {
      stopSampling()
      await server.close()
    },
  }
}

/** The same devices in this process, without a socket, and not connected yet. */
export function makeNativeChannel(clock: Clock = systemClock): NativeChannel {
  const models = simulatedModels(clock)
  return new NativeChannel(NATIVE_PORT, models, sampleLines(models, clock))
}

/** Looks at the GPIO lines again and again, since otherwise no edge would be seen. Returns a function that stops it. */
function sampleLines(models: readonly DeviceModel[], clock: Clock): () => void {
  const chips = models.filter((model) => model instanceof GpioDevice)
  let timer: Timer | undefined
  const look = () => {
    const watched = chips.filter((chip) => chip.isWatching())
    for (const chip of watched) chip.sample()
    timer = clock.schedule(watched.length > 0 ? SAMPLE_MS : IDLE_SAMPLE_MS, look)
  }
  look()
  return () => timer?.cancel()
}
