// All boards.

import type { Board } from "./board.js"
import { esp32DevkitC } from "./esp32-devkit-c.js"
import { esp32c3Supermini } from "./esp32c3-supermini.js"
import { pico } from "./pico.js"

export type { Board, UsbId } from "./board.js"

export const BOARDS: readonly Board[] = [pico, esp32c3Supermini, esp32DevkitC]
