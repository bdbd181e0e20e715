// What we know of a board: data only. A test compares it with the DeviceScript command line tool, where that lists
// the board.

import type { Chip } from "./chip.js"

export interface UsbId {
  readonly vendor: number
  readonly product: number
}

/** A pin that is a line of the GPIO device. */
export interface GpioLine {
  /** "" for a line that has none. */
  readonly name: string
  readonly gpio: number
  /** The pull resistor that the pin has as an input. */
  readonly pull?: "up" | "down"
}

export interface Board {
  /** As the DeviceScript command line tool calls it. */
  readonly id: string
  readonly name: string
  readonly chip: Chip
  /** The number by which its runtime identifies itself (Jacdac's product identifier). */
  readonly productId: number
  /** The USB ids under which its serial port appears while it runs. */
  readonly usb: readonly UsbId[]
  /** Its runtime can join a WiFi network. */
  readonly hasWifi: boolean
  /** GPIO numbers of the I2C bus, as wired or as usual on the board, and what is printed beside the pins. */
  readonly i2c: { readonly sda: number; readonly scl: number; readonly labels: readonly [string, string] }
  /** The GPIO numbers that the board leads out and a bus could use. */
  readonly pins: readonly number[]
  /** The GPIO numbers that its runtime lets programs use: those that its own list of pins names. */
  readonly gpios: readonly number[]
  /** The LED and the buttons on such pins: the lines of its GPIO device when nothing else is asked for. */
  readonly gpioLines: readonly GpioLine[]
  /** undefined: it has none, or nobody knows where. */
  readonly led: { readonly gpio: number; readonly kind: "plain" | "rgb" | "on the WiFi chip" } | undefined
  /** How to start it again, and how to start its bootloader, as sentences. */
  readonly reset: string
  readonly bootloader: string
  readonly firmware: FirmwareRelease
}

/** Microsoft's build of the DeviceScript runtime for a board. */
export interface FirmwareRelease {
  readonly url: string
  /**
   * Bytes and SHA-256 of the file. Not known for any board yet. Where they are undefined, a file is compared with
   * what was downloaded first instead (docs/boards.md).
   */
  readonly sizeBytes?: number
  readonly sha256?: string
}

const RELEASES = "https://github.com/microsoft"

/** The address of Microsoft's latest release for this board; the last one is of April 2024. */
export function picoRelease(file: string): FirmwareRelease {
  return { url: `${RELEASES}/devicescript-pico/releases/latest/download/devicescript-${file}.uf2` }
}

export function esp32Release(file: string): FirmwareRelease {
  return { url: `${RELEASES}/devicescript-esp32/releases/latest/download/devicescript-${file}.bin` }
}
