// GPIO lines that are a chip's pins: those that the setting virtio.gpio names (docs/devices.md).

import * as ds from "@devicescript/core"
import type { GpioLines } from "../../shared-protocol/src/device/gpio-lines.js"
import {
  GPIO_DIRECTION_IN,
  GPIO_DIRECTION_NONE,
  GPIO_DIRECTION_OUT,
  GPIO_MAX_LINES,
} from "../../shared-protocol/src/device-types/gpio.js"

/** What the runtime's pins can do. */
interface Pin {
  setMode(mode: number): void
  readonly value: number
}

export class HardwareLines implements GpioLines {
  readonly names: string[] = []
  private readonly pins: Pin[] = []
  private readonly inputModes: number[] = []
  private readonly directions: number[] = []
  private readonly driven: number[] = []

  /**
   * `setting` is a comma list of at most 16 of NAME=GPIO or GPIO, with :up or :down behind it for a pull resistor, as
   * `LED=15,BUTTON=14:up`; "" for none. A pin that the board does not expose is left out, and `complain` hears of it.
   */
  constructor(setting: string, complain: (what: string) => void) {
    const entries = setting === "" ? [] : setting.split(",")
    for (let i = 0; i < entries.length && this.names.length < GPIO_MAX_LINES; i++) {
      const parts = entries[i].split(":")
      const words = parts[0].split("=")
      const pin = findPin(words[words.length - 1])
      if (pin === undefined) {
        complain(`gpio: the board exposes no pin ${words[words.length - 1]}`)
        continue
      }
      this.names.push(words.length > 1 ? words[0] : "")
      this.pins.push(pin)
      this.inputModes.push(
        parts[1] === "up"
          ? ds.GPIOMode.InputPullUp
          : parts[1] === "down"
            ? ds.GPIOMode.InputPullDown
            : ds.GPIOMode.Input,
      )
      this.directions.push(GPIO_DIRECTION_NONE)
      this.driven.push(0)
    }
  }

  direction(line: number): number {
    return this.directions[line]
  }

  setDirection(line: number, direction: number): boolean {
    // at the start, and at every reset, no line was touched yet: then a pin that others use is left alone
    if (direction === this.directions[line]) return true
    try {
      if (direction === GPIO_DIRECTION_IN) this.pins[line].setMode(this.inputModes[line])
      else if (direction === GPIO_DIRECTION_OUT) this.drive(line)
      else this.pins[line].setMode(ds.GPIOMode.Off)
    } catch {
      return false // an input-only pin as an output
    }
    this.directions[line] = direction
    if (direction === GPIO_DIRECTION_NONE) this.driven[line] = 0
    return true
  }

  read(line: number): number {
    const direction = this.directions[line]
    if (direction === GPIO_DIRECTION_OUT) return this.driven[line]
    // the runtime has no digital value of a pin that is off
    if (direction === GPIO_DIRECTION_NONE) return 0
    return this.pins[line].value ? 1 : 0
  }

  write(line: number, value: number): boolean {
    this.driven[line] = value
    if (this.directions[line] === GPIO_DIRECTION_OUT) this.drive(line)
    return true
  }

  private drive(line: number): void {
    this.pins[line].setMode(this.driven[line] === 1 ? ds.GPIOMode.OutputHigh : ds.GPIOMode.OutputLow)
  }
}

function findPin(text: string): Pin | undefined {
  let number = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return undefined
    number = number * 10 + digit
  }
  if (text.length === 0) return undefined
  try {
    return ds.gpio(number) as unknown as Pin
  } catch {
    return undefined
  }
}
