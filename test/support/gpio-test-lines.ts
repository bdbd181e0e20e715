// GPIO lines for tests. A test sets the levels that they sense. A wire goes from "out" to "in".

import type { GpioLines } from "../../shared-protocol/src/device/gpio-lines.js"
import {
  GPIO_DIRECTION_IN,
  GPIO_DIRECTION_NONE,
  GPIO_DIRECTION_OUT,
} from "../../shared-protocol/src/device-types/gpio.js"

export class GpioTestLines implements GpioLines {
  readonly names: readonly string[]
  /** The level that each line senses while it is not an output. */
  readonly sensed: number[]
  readonly directions: number[]
  readonly driven: number[]

  /** "out" is wired to "in". "sense" can only be an input. */
  constructor(names: readonly string[] = ["out", "in", "sense", ""]) {
    this.names = names
    this.sensed = names.map(() => 0)
    this.directions = names.map(() => GPIO_DIRECTION_NONE)
    this.driven = names.map(() => 0)
  }

  direction(line: number): number {
    return this.directions[line] as number
  }

  setDirection(line: number, direction: number): boolean {
    if (this.names[line] === "sense" && direction === GPIO_DIRECTION_OUT) return false
    this.directions[line] = direction
    if (direction === GPIO_DIRECTION_NONE) this.driven[line] = 0
    return true
  }

  read(line: number): number {
    if (this.directions[line] === GPIO_DIRECTION_OUT) return this.driven[line] as number
    const out = this.names.indexOf("out")
    if (this.names[line] === "in" && this.directions[out] === GPIO_DIRECTION_OUT)
      return this.driven[out] as number
    return this.sensed[line] as number
  }

  write(line: number, value: number): boolean {
    if (this.names[line] === "sense") return false
    this.driven[line] = value
    return true
  }
}

export { GPIO_DIRECTION_IN, GPIO_DIRECTION_NONE, GPIO_DIRECTION_OUT }
