// A hostile driver against the device code, natively: four device types behind one endpoint. Once fast, and once on
// bytes that throw where a Uint8Array would be silent (as DeviceScript's do), so that nothing is touched outside.

import { demoChips, SimulatedBus } from "../../../firmware/src/chips/simulated-bus.js"
import { allocateBytes } from "../../../host/src/bytes.js"
import * as p from "../../../shared-protocol/src/index.js"
import { strictBytes } from "../../firmware/strict-bytes.js"
import { ConsoleTestProgram } from "../../support/console-test-program.js"
import { GpioTestLines } from "../../support/gpio-test-lines.js"
import {
  type HostileAction,
  hostileSequences,
  loadSequence,
  runHostile,
  saveSequence,
} from "../hostile-actions.js"
import { AREA_SIZE, type DeviceWire, HostileDriver } from "../hostile-driver.js"
import type { FuzzTarget } from "../target.js"

class NativeWire implements DeviceWire {
  onPacket: (packet: Uint8Array) => void = () => {}
  readonly failure = ""
  readonly #endpoint: p.DeviceEndpoint

  constructor(alloc: p.Allocator) {
    const chips = demoChips(() => 0, alloc)
    const output = new ConsoleTestProgram()
    output.say(3000)
    output.room = 500
    this.#endpoint = new p.DeviceEndpoint({
      alloc,
      types: [
        new p.I2cDevice(new SimulatedBus(chips, alloc), alloc(0), () => Promise.resolve()),
        new p.GpioDevice(new GpioTestLines(), alloc),
        new p.RngDevice({ fill: (into, offset, length) => into.fillAt(offset, length, 4) }, alloc(0)),
        new p.ConsoleDevice(output, alloc, 80, 25),
      ],
      driverAreaSize: AREA_SIZE,
      deviceAreaSize: AREA_SIZE,
      identity: { board: "hostile", firmwareVersion: [0, 1, 0, 0], hasSimulatedChips: true },
    })
  }

  send(packet: Uint8Array): void {
    this.#endpoint.receive(packet)
  }

  async settle(): Promise<void> {
    const { mailbox } = this.#endpoint
    await this.#endpoint.work()
    for (let packet = this.#endpoint.nextPacket(); packet; packet = this.#endpoint.nextPacket()) {
      this.onPacket(Uint8Array.from({ length: packet.length }, (_, at) => packet?.[at] as number))
      await this.#endpoint.work()
    }
    if (mailbox.outgoing.dirtyEnd > p.DEVICE_RUN_LIMIT) throw new Error("the list of changes has no end")
    if (mailbox.unacknowledgedOut() > p.HOST_CREDIT)
      throw new Error("more is under way than the credit allows")
  }
}

function deviceTarget(name: string, about: string, alloc: p.Allocator): FuzzTarget<Iterable<HostileAction>> {
  return {
    name,
    about,
    cases: hostileSequences,
    run: (sequence) => runHostile(new HostileDriver(new NativeWire(alloc)), sequence),
    save: saveSequence,
    load: loadSequence,
  }
}

export const device = deviceTarget(
  "device",
  "a hostile driver against the dispatcher and four device types, natively",
  allocateBytes,
)
export const deviceStrict = deviceTarget(
  "device-strict",
  "the same, on bytes that throw at every access outside (slow)",
  strictBytes,
)
