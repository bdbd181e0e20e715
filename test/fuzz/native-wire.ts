// The way to the device code, natively: four device types behind one endpoint, with simulated chips.

import { demoChips, SimulatedBus } from "../../firmware/src/chips/simulated-bus.js"
import * as p from "../../shared-protocol/src/index.js"
import { ConsoleTestProgram } from "../support/console-test-program.js"
import { GpioTestLines } from "../support/gpio-test-lines.js"
import { DeviceWatch } from "./driver-classes.js"
import { AREA_SIZE, type DeviceWire } from "./hostile-driver.js"

export class NativeWire implements DeviceWire {
  onPacket: (packet: Uint8Array) => void = () => {}
  failure = ""
  readonly #endpoint: p.DeviceEndpoint
  readonly #watch: DeviceWatch

  constructor(alloc: p.Allocator) {
    const chips = demoChips(() => 0, alloc)
    const output = new ConsoleTestProgram()
    output.say(3000)
    output.room = 500
    this.#endpoint = p.makeDeviceEndpoint({
      alloc,
      models: [
        new p.I2cDevice(new SimulatedBus(chips, alloc), alloc(0), () => Promise.resolve(), alloc),
        new p.GpioDevice(new GpioTestLines(), alloc),
        new p.RngDevice({ fill: (into, offset, length) => into.fillAt(offset, length, 4) }, alloc(0)),
        new p.ConsoleDevice(output, alloc, 80, 25),
      ],
      driverAreaSize: AREA_SIZE,
      deviceAreaSize: AREA_SIZE,
      identity: { board: "hostile", firmwareVersion: [0, 1, 0, 0], hasSimulatedChips: true },
    })
    this.#endpoint.bus.onFault = (thrown) => {
      this.failure = `something threw, and was caught by the last net: ${thrown}`
    }
    this.#watch = new DeviceWatch(this.#endpoint)
  }

  send(packet: Uint8Array): void {
    this.#endpoint.receive(packet)
  }

  async settle(): Promise<void> {
    const { mailbox } = this.#endpoint
    await this.#endpoint.bus.work()
    this.#watch.look()
    for (let packet = this.#endpoint.nextPacket(); packet; packet = this.#endpoint.nextPacket()) {
      this.onPacket(Uint8Array.from({ length: packet.length }, (_, at) => packet?.[at] as number))
      await this.#endpoint.bus.work()
    }
    if (mailbox.outgoing.dirtyEnd > p.DEVICE_RUN_LIMIT) throw new Error("the list of changes has no end")
    if (mailbox.unacknowledgedOut() > p.HOST_CREDIT)
      throw new Error("more is under way than the credit allows")
  }
}
