// The whole system in this page: the driver, a cable, and the DeviceScript virtual machine that runs our firmware.

import { Bus } from "../../../src/bus/bus.js"
import { JacdacLink } from "../../../src/link/jacdac-link.js"
import { OpenedBus } from "../../../src/opened-bus.js"
import { Machine } from "../../../src/vm/machine.js"
import type { LoadRuntime } from "../../../src/vm/runtime.js"
import { VmPort } from "../../../src/vm/vm-port.js"
import type { WireModel } from "../wire/wire-model.js"
import type { Bench } from "./bench.js"
import { Cable } from "./cable.js"
import { PacedClock } from "./paced-clock.js"

/** Time on the wire: about what 60 bytes take at USB's full speed, with its frames. */
const WIRE_DELAY_MS = 1

export class SimulatedBench implements Bench {
  readonly kind = "simulated"
  readonly title = "the simulated board in this page"
  readonly cable: Cable
  readonly pace: PacedClock
  readonly machine: Machine
  bus: OpenedBus | undefined
  readonly resetBoard: () => Promise<void>

  readonly #model: WireModel

  /** `program` is DeviceScript bytecode. Nothing runs before `connect`. */
  constructor(program: Uint8Array, loadRuntime: LoadRuntime, model: WireModel) {
    this.#model = model
    this.pace = new PacedClock()
    this.machine = new Machine({ program, clock: this.pace, loadRuntime, randomBytes })
    this.cable = new Cable(new VmPort(this.machine), this.pace, WIRE_DELAY_MS)
    this.cable.onPacket.on((direction, packet, fate) => model.packet(direction, packet, fate, this.now()))
    this.resetBoard = async () => {
      model.remark("The M4 is reset: all that it had in memory is gone", "bad", this.now())
      await this.machine.restart()
    }
  }

  now(): number {
    return this.pace.now()
  }

  /** Switches the board on and connects to it. The bench's time must move meanwhile. Rejects as `Bus.open`. */
  async connect(): Promise<OpenedBus> {
    const bus = await Bus.open(new JacdacLink(this.cable, this.pace), { clock: this.pace })
    bus.onLost.on((error) => this.#model.remark(error.message, "bad", this.now()))
    this.bus = new OpenedBus(bus)
    return this.bus
  }

  async close(): Promise<void> {
    await this.bus?.close()
    this.machine.stop()
    await this.pace.stop()
  }
}

function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length))
}
