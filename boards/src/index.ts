// All boards.

import type { Board } from "./board.js"
import { esp32DevkitC } from "./esp32-devkit-c.js"
import { esp32c3Bare } from "./esp32c3-bare.js"
import { esp32c3RustDevkit } from "./esp32c3-rust-devkit.js"
import { esp32c3Supermini } from "./esp32c3-supermini.js"
import { esp32s2Bare } from "./esp32s2-bare.js"
import { esp32s3Bare } from "./esp32s3-bare.js"
import { pico } from "./pico.js"
import { picoW } from "./pico-w.js"
import { seeedXiaoEsp32c3 } from "./seeed-xiao-esp32c3.js"

export type { Board, FirmwareRelease, GpioLine, UsbId } from "./board.js"
export type { Chip, EspChip, Uf2Chip } from "./chip.js"
export { gpioRanges, whyNoGpioLines } from "./gpio-lines.js"
export { i2cPinPairs, whyNoI2cPins } from "./i2c-pins.js"
export { type Counterpart, stm32mp157 } from "./stm32mp157.js"

export const BOARDS: readonly Board[] = [
  pico,
  picoW,
  esp32c3Supermini,
  seeedXiaoEsp32c3,
  esp32c3RustDevkit,
  esp32c3Bare,
  esp32s2Bare,
  esp32s3Bare,
  esp32DevkitC,
]
