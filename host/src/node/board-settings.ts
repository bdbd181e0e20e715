// The settings that a program is given for a board (docs/boards.md "Settings"): pins, as asked for or as usual there,
// checked against what we know of the board before anything is sent.

import {
  type Board,
  type Chip,
  type GpioLine,
  gpioRanges,
  whyNoGpioLines,
  whyNoI2cPins,
} from "../../../boards/src/index.js"
import { DEVICE_TYPE_NAMES, DEVICE_TYPES } from "../../../shared-protocol/src/device-types/catalogue.js"
import { GPIO_MAX_LINES } from "../../../shared-protocol/src/device-types/gpio.js"
import type { DeviceConfig } from "../deploy/device-config.js"
import { invalidArgument } from "../errors.js"

/** The virtio devices that a board can have. */
export const DEVICE_NAMES: readonly string[] = DEVICE_TYPE_NAMES.filter(
  (kind) => DEVICE_TYPES[kind].isFromStart,
)
export const I2C_SPEEDS_KHZ = { slowest: 10, usual: 100, fastest: 1000 }

/** Where the runtime has little memory for programs, the window that the host shares is smaller, too. */
const USUAL_HEAP_KIB = 64

export interface PinChoice {
  /** GPIO numbers; the board's usual ones when absent. */
  readonly sda?: number
  readonly scl?: number
  /** Clock of the I2C bus; 100 when absent. */
  readonly khz?: number
  /** Lines of the GPIO device, at most 16; the board's LED and buttons when absent. */
  readonly gpio?: readonly GpioLine[]
  /** The virtio devices to have; all when absent. */
  readonly devices?: readonly string[]
}

/** The pins of a program's devices. */
export interface BoardPins {
  readonly i2c: { readonly sda: number; readonly scl: number; readonly khz: number }
  /** Empty: it has no GPIO device. */
  readonly gpio: readonly GpioLine[]
}

/** Checks what can be checked without a board. Throws INVALID_ARGUMENT. */
export function checkPinChoice({ sda, scl, khz, gpio, devices }: PinChoice): void {
  const { slowest, fastest } = I2C_SPEEDS_KHZ
  if (khz !== undefined && !(khz >= slowest && khz <= fastest))
    throw invalidArgument(`I2C speed ${khz} kHz is out of range: ${slowest} to ${fastest}.`)
  if ((sda === undefined) !== (scl === undefined))
    throw invalidArgument("--sda and --scl go together.", {
      hint: "See the pins that a board has: virtio-msg boards --json",
    })
  for (const name of devices ?? [])
    if (!DEVICE_NAMES.includes(name))
      throw invalidArgument(`"${name}" is no virtio device of our firmware.`, {
        hint: `They are ${DEVICE_NAMES.join(", ")}.`,
      })
  if (gpio && gpio.length > GPIO_MAX_LINES)
    throw invalidArgument(`${gpio.length} GPIO lines are too many: at most ${GPIO_MAX_LINES}.`)
  if (gpio && gpio.length > 0 && devices && !devices.includes("gpio"))
    throw invalidArgument("--gpio names lines, but --devices leaves the GPIO device out.", {
      hint: `Add it: --devices ${[...devices, "gpio"].join(",")}`,
    })
}

/** The pins of `board` for these wishes. Throws INVALID_ARGUMENT when it has no such pins. */
export function choosePins(board: Board, choice: PinChoice): BoardPins {
  const sda = choice.sda ?? board.i2c.sda
  const scl = choice.scl ?? board.i2c.scl
  const reason = whyNoI2cPins(board, sda, scl)
  if (reason)
    throw invalidArgument(reason, {
      hint: `Usual on this board: --sda ${board.i2c.sda} --scl ${board.i2c.scl}`,
    })
  const hasI2c = choice.devices?.includes("i2c") ?? true
  const gpio = chooseLines(board, choice, hasI2c ? { sda, scl } : undefined)
  return { i2c: { sda, scl, khz: choice.khz ?? I2C_SPEEDS_KHZ.usual }, gpio }
}

function chooseLines(
  board: Board,
  { gpio, devices }: PinChoice,
  i2c: { readonly sda: number; readonly scl: number } | undefined,
): readonly GpioLine[] {
  if (gpio) {
    const reason = whyNoGpioLines(board, gpio, i2c)
    if (reason)
      throw invalidArgument(reason, {
        hint: `Programs on this board can use GPIO ${gpioRanges(board.gpios)}.`,
      })
    return gpio
  }
  if (devices && !devices.includes("gpio")) return []
  // a pin that was chosen for the bus is no line
  const usual = board.gpioLines.filter((line) => whyNoGpioLines(board, [line], i2c) === "")
  if (devices && usual.length === 0)
    throw invalidArgument(
      `The ${board.name} has no LED and no button that programs can use, so its GPIO device would have no line.`,
      { hint: `Say which: --gpio NAME=GPIO, with GPIO ${gpioRanges(board.gpios)}` },
    )
  return usual
}

/** The settings by name. `pins` is undefined where the chips are simulated, `chip` where it is not known. */
export function settingsOf(
  pins: BoardPins | undefined,
  { devices, dial }: { readonly devices?: readonly string[]; readonly dial?: string },
  chip?: Chip,
): DeviceConfig {
  const settings = new Map<string, number | string>()
  if (pins) {
    const { sda, scl, khz } = pins.i2c
    settings.set("i2c.pinSDA", sda).set("i2c.pinSCL", scl).set("i2c.kHz", khz)
    if (pins.gpio.length > 0) settings.set("virtio.gpio", pins.gpio.map(formatGpioLine).join(","))
  }
  if (devices) settings.set("virtio.devices", devices.join(","))
  if (dial !== undefined) settings.set("virtio.dial", dial)
  if (chip && chip.heapKib < USUAL_HEAP_KIB) settings.set("virtio.window", "small")
  return settings
}

/** As the firmware reads it and `deploy --gpio` takes it: `LED=7`, `BOOT=9:up`, `15`. */
export function formatGpioLine({ name, gpio, pull }: GpioLine): string {
  return `${name === "" ? "" : `${name}=`}${gpio}${pull ? `:${pull}` : ""}`
}
