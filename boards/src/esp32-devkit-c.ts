// ESP32-DevKitC: a classic ESP32 behind a CP2102 or CH340 bridge.

import type { Board } from "./board.js"

export const esp32DevkitC: Board = {
  id: "esp32_devkit_c",
  name: "ESP32-DevKitC",
  chip: "ESP32",
  usb: [
    { vendor: 0x10c4, product: 0xea60 },
    { vendor: 0x1a86, product: 0x7523 },
  ],
  i2c: { sda: 21, scl: 22 },
}
