// Which pins of a board can be the lines of its GPIO device.

import type { Board, GpioLine } from "./board.js"

/** Why these cannot be the GPIO lines of `board`, whose I2C bus is on `i2c`, as a sentence; "" if they can. */
export function whyNoGpioLines(
  board: Board,
  lines: readonly GpioLine[],
  i2c: { readonly sda: number; readonly scl: number } | undefined,
): string {
  const names = new Set<string>()
  const taken = new Set<number>()
  for (const { name, gpio } of lines) {
    if (!board.gpios.includes(gpio))
      return gpio === board.led?.gpio
        ? `The runtime of the ${board.name} keeps GPIO ${gpio}, its LED, for itself.`
        : `The runtime of the ${board.name} exposes no GPIO ${gpio} to programs.`
    if (i2c && (gpio === i2c.sda || gpio === i2c.scl))
      return `GPIO ${gpio} is ${gpio === i2c.sda ? "SDA" : "SCL"} of the I2C bus.`
    if (taken.has(gpio)) return `GPIO ${gpio} cannot be two lines.`
    if (name !== "" && names.has(name)) return `Two lines cannot be called ${name}.`
    taken.add(gpio)
    names.add(name)
  }
  return ""
}

/** GPIO numbers for people: `0 to 22, 26 to 28`. */
export function gpioRanges(gpios: readonly number[]): string {
  const ranges: [first: number, last: number][] = []
  for (const gpio of gpios) {
    const range = ranges.at(-1)
    if (range?.[1] === gpio - 1) range[1] = gpio
    else ranges.push([gpio, gpio])
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`)).join(", ")
}
