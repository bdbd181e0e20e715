// The simulated board's bytecode in the DeviceScript VM, in virtual time, with the library on top: throttle, Jacdac
// frames and all.

import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import type { ConsolePort } from "../../host/src/driver/console-port.js"
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

  /** Boots `program`, the simulated build when absent, with random bytes that are the same in every run. */
  static async boot(program: Uint8Array = readFirmware("simulated")): Promise<SimulatedFirmware> {
    const clock = new VirtualClock(1000)
    const trace = new Trace()
    const machine = new VirtualMachine({ program, clock })
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

/** A person at the console: types commands, and reads what comes until the prompt. */
export class Terminal {
  readonly #port: ConsolePort
  readonly #output: AsyncIterator<Uint8Array>
  #text = ""

  constructor(port: ConsolePort) {
    this.#port = port
    this.#output = port[Symbol.asyncIterator]()
  }

  /** What the command printed, log lines included, without the prompt. */
  async type(line: string): Promise<string> {
    await this.#port.write(new TextEncoder().encode(`${line}\n`))
    return (await this.until("m4> ")).slice(0, -"m4> ".length)
  }

  /** What comes up to `end`, with it. */
  async until(end: string): Promise<string> {
    while (!this.#text.includes(end)) {
      const { done, value } = await this.#output.next()
      if (done) throw new Error(`the console ended behind: ${this.#text}`)
      this.#text += new TextDecoder().decode(value)
    }
    const at = this.#text.indexOf(end) + end.length
    const found = this.#text.slice(0, at)
    this.#text = this.#text.slice(at)
    return found
  }
}
