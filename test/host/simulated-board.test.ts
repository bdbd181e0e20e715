// The simulated board's power-up: it comes up whatever the time is.

import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"

/** Virtual time that also passes while the program computes: a little with every look at the clock. */
class CreepingClock extends VirtualClock {
  readonly #stepMs: number
  #creptMs = 0

  constructor(startMs: number, stepMs: number) {
    super(startMs)
    this.#stepMs = stepMs
  }

  override now(): number {
    this.#creptMs += this.#stepMs
    return super.now() + this.#creptMs
  }
}

describe("a simulated board", () => {
  it.each([0.01, 0.05, 0.1, 0.2])("comes up when time passes in steps of %d ms", async (stepMs) => {
    const clock = new CreepingClock(1000, stepMs)
    const machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
    const bus = await clock.run(Bus.open(new JacdacLink(new VmPort(machine), clock), { clock }))
    expect(bus.hello.hasSimulatedChips).toBe(true)
    await bus.close()
  })
})
