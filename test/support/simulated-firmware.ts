// The simulated board's bytecode in the DeviceScript VM, in virtual time, and the library that uses it. Throttle and
// Jacdac frames are real.

import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { Trace } from "../../host/src/trace/trace.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"

export class SimulatedFirmware {
  readonly clock: VirtualClock
  readonly machine: VirtualMachine
  readonly board: OpenedBus
  readonly trace: Trace
  readonly panics: number[] = []

  private constructor(clock: VirtualClock, machine: VirtualMachine, board: OpenedBus, trace: Trace) {
    this.clock = clock
    this.machine = machine
    this.board = board
    this.trace = trace
    machine.onPanic.on((code) => this.panics.push(code))
  }

  /** Boots `program`, or the simulated build when absent. The chip's random bytes are Node's unless given. */
  static async boot(
    program: Uint8Array = readFirmware("simulated"),
    randomBytes?: (length: number) => Uint8Array,
  ): Promise<SimulatedFirmware> {
    const clock = new VirtualClock(1000)
    const trace = new Trace()
    const machine = new VirtualMachine({ program, clock, ...(randomBytes ? { randomBytes } : {}) })
    const link = new JacdacLink(new VmPort(machine), clock)
    const board = new OpenedBus(await clock.run(Bus.open(link, { clock, trace })))
    return new SimulatedFirmware(clock, machine, board, trace)
  }

  /** Lets time pass until the promise settles. */
  run<T>(promise: Promise<T>, limitMs?: number): Promise<T> {
    return this.clock.run(promise, limitMs)
  }

  async stop(): Promise<void> {
    await this.clock.run(this.board.close())
  }
}
