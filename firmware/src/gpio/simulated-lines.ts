// GPIO lines without a chip: an LED, a button, a clock, a wire from OUT to IN, and two free inputs.

import type { GpioLines } from "../../../shared-protocol/src/device/gpio-lines.js"
import { GPIO_DIRECTION_NONE, GPIO_DIRECTION_OUT } from "../../../shared-protocol/src/device-types/gpio.js"

const NAMES = ["LED", "BUTTON", "CLOCK", "OUT", "IN", "", ""]
const BUTTON = 1
const CLOCK = 2
const OUT = 3
const IN = 4
/** Half a period of CLOCK. */
const CLOCK_STEP_MS = 500

/** What happens on an input by itself: bits, one after another, again and again. */
interface Pattern {
  readonly bits: string
  readonly stepMs: number
  readonly startMs: number
}

export class SimulatedLines implements GpioLines {
  readonly names: readonly string[] = NAMES
  private readonly now: () => number
  private readonly directions: number[] = []
  private readonly driven: number[] = []
  private readonly patterns: Pattern[] = []
  private releaseMs = 0

  /** `now` gives milliseconds. */
  constructor(now: () => number) {
    this.now = now
    const quiet: Pattern = { bits: "0", stepMs: CLOCK_STEP_MS, startMs: 0 }
    for (let i = 0; i < NAMES.length; i++) {
      this.directions.push(GPIO_DIRECTION_NONE)
      this.driven.push(0)
      this.patterns.push(i === CLOCK ? { bits: "01", stepMs: CLOCK_STEP_MS, startMs: 0 } : quiet)
    }
  }

  direction(line: number): number {
    return this.directions[line]
  }

  /** The button and the clock drive their lines themselves: those cannot be outputs. */
  setDirection(line: number, direction: number): boolean {
    if (direction === GPIO_DIRECTION_OUT && this.isSource(line)) return false
    this.directions[line] = direction
    if (direction === GPIO_DIRECTION_NONE) this.driven[line] = 0
    return true
  }

  read(line: number): number {
    if (this.directions[line] === GPIO_DIRECTION_OUT) return this.driven[line]
    if (line === IN && this.directions[OUT] === GPIO_DIRECTION_OUT) return this.driven[OUT]
    if (line === BUTTON && this.now() < this.releaseMs) return 1
    const pattern = this.patterns[line]
    const step = Math.floor((this.now() - pattern.startMs) / pattern.stepMs)
    return pattern.bits[step % pattern.bits.length] === "1" ? 1 : 0
  }

  write(line: number, value: number): boolean {
    if (this.isSource(line)) return false
    this.driven[line] = value
    return true
  }

  /** Presses the button for `forMs` from now on. */
  press(forMs: number): void {
    this.releaseMs = this.now() + forMs
  }

  /** Has an input show `bits`, "0" and "1", each for `stepMs`, from the first one on and over again. */
  setPattern(line: number, bits: string, stepMs: number): void {
    this.patterns[line] = { bits, stepMs, startMs: this.now() }
  }

  private isSource(line: number): boolean {
    return line === BUTTON || line === CLOCK
  }
}
