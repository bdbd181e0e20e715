// Raspberry Pi Pico: RP2040, native USB.

import type { Board } from "./board.js"

export const pico: Board = {
  id: "pico",
  name: "Raspberry Pi Pico",
  chip: "RP2040",
  usb: [{ vendor: 0x2e8a, product: 0x420a }],
  i2c: { sda: 4, scl: 5 },
}
