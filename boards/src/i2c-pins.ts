// Which pins of a board can carry its I2C bus.

import type { Board } from "./board.js"

/** Why `sda` and `scl`, GPIO numbers, cannot carry the I2C bus of `board`, as a sentence; "" if they can. */
export function whyNoI2cPins(board: Board, sda: number, scl: number): string {
  for (const [name, gpio] of [
    ["SDA", sda],
    ["SCL", scl],
  ] as const)
    if (!board.pins.includes(gpio)) return `${board.name} leads out no GPIO ${gpio} for ${name}.`
  if (sda === scl) return "SDA and SCL need a pin each."
  if (board.chip.name !== "RP2040") return ""
  // each pin belongs to one line of one of two controllers
  if (sda % 2 !== 0) return `GPIO ${sda} cannot be SDA: on an RP2040 SDA is an even number.`
  if (scl % 2 !== 1) return `GPIO ${scl} cannot be SCL: on an RP2040 SCL is an odd number.`
  if (controllerOf(sda) !== controllerOf(scl))
    return `GPIO ${sda} is on controller I2C${controllerOf(sda)}, GPIO ${scl} on I2C${controllerOf(scl)}.`
  return ""
}

/** All pairs of SDA and SCL that can carry the bus, the default first. */
export function i2cPinPairs(board: Board): [sda: number, scl: number][] {
  const pairs: [number, number][] = []
  for (const sda of board.pins)
    for (const scl of board.pins) if (whyNoI2cPins(board, sda, scl) === "") pairs.push([sda, scl])
  const isDefault = ([sda, scl]: [number, number]) => sda === board.i2c.sda && scl === board.i2c.scl
  return pairs.sort((a, b) => Number(isDefault(b)) - Number(isDefault(a)))
}

/** 0 or 1: an RP2040's GPIOs take turns in pairs. */
function controllerOf(gpio: number): number {
  return (gpio >> 1) & 1
}
