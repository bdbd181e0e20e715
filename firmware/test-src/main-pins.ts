// The firmware for a board, with the runtime's pins replaced by three that are wired: what is set on 2 is sensed on
// 3, 4 can be an input only and has a pull resistor. Everything above the pins is what runs on silicon.

import * as ds from "@devicescript/core"
import { makeEndpoint } from "../src/endpoint.js"
import { HardwareBus } from "../src/hardware-bus.js"
import { HardwareLines } from "../src/hardware-lines.js"
import { runMailboxService } from "../src/mailbox-service.js"

const INPUT_ONLY = 4
const wire: number[] = [0]
const modes: number[] = [0, 0, 0, 0, 0]

class FakePin {
  gpio: number
  value = 0

  constructor(gpio: number) {
    this.gpio = gpio
  }

  setMode(mode: number): void {
    if (this.gpio === INPUT_ONLY && (mode & ds.GPIOMode.BaseModeMask) === ds.GPIOMode.Output)
      throw new RangeError("not an output")
    modes[this.gpio] = mode
    if (this.gpio === 2) wire[0] = mode === ds.GPIOMode.OutputHigh ? 1 : 0
    console.log(`pin ${this.gpio} mode ${mode}`)
  }
}

const pins = [new FakePin(2), new FakePin(3), new FakePin(INPUT_ONLY)]

async function conduct(): Promise<void> {
  while (true) {
    pins[1].value = wire[0]
    pins[2].value = modes[INPUT_ONLY] === ds.GPIOMode.InputPullUp ? 1 : 0
    await ds.sleep(1)
  }
}

type DsGpio = { gpio(number: number): FakePin }

function replacePins(): void {
  ;(ds as unknown as DsGpio).gpio = (number) => {
    if (number < 2 || number > INPUT_ONLY) throw new Error(`pin ${number} not exposed`)
    return pins[number - 2]
  }
}

replacePins()
conduct.start()
const complaints: string[] = []
const lines = new HardwareLines("DRIVE=2,SENSE=3,4:up,99,x", (what) => complaints.push(what))
await runMailboxService(
  makeEndpoint({
    board: "pins test",
    hasSimulatedChips: false,
    controller: new HardwareBus(),
    lines,
    complaints,
  }),
)
