// Pins as `virtio-msg deploy` takes them.

import type { GpioLine } from "../../../boards/src/index.js"
import { invalidArgument } from "../errors.js"

const NUMBER = String.raw`(?:GP|GPIO|IO|P)?(\d{1,2})`
const GPIO = new RegExp(`^${NUMBER}$`, "i")
/** A name begins with a letter, since a number is a line's offset, and has none of the list's own signs. */
const GPIO_LINE = new RegExp(`^(?:([A-Za-z][\\w.-]{0,15})=)?${NUMBER}(?::(up|down))?$`, "i")

/** `4`, `GP4`, `GPIO4`, `IO4`, `P4`. Throws INVALID_ARGUMENT. */
export function parseGpio(text: string, option: string): number {
  const [, digits] = GPIO.exec(text) ?? []
  if (digits === undefined)
    throw invalidArgument(`${option} ${text} is no GPIO.`, {
      hint: "For example: --sda 4 --scl 5",
    })
  return Number(digits)
}

/**
 * A comma list of GPIOs, each with an optional `NAME=` before and `:up` or `:down` behind it; or `none`. Throws as
 * above.
 */
export function parseGpioLines(list: string): GpioLine[] {
  if (list === "none") return []
  return list.split(",").map((word) => {
    const [, name = "", digits, pull] = GPIO_LINE.exec(word) ?? []
    if (digits === undefined)
      throw invalidArgument(`"${word}" in --gpio is no line.`, {
        hint:
          "Write NAME=GPIO, or GPIO alone, with :up or :down behind it for a pull resistor: --gpio LED=15,BUTTON=14:up. " +
          "A name has up to 16 letters, digits and signs of _ . - and begins with a letter.",
      })
    return {
      name,
      gpio: Number(digits),
      ...(pull === undefined ? {} : { pull: pull.toLowerCase() as "up" | "down" }),
    }
  })
}
