// ESP32-C3 Super Mini: the chip's own USB-Serial-JTAG.

import type { Board } from "./board.js"

export const esp32c3Supermini: Board = {
  id: "esp32c3_supermini",
  name: "ESP32-C3 Super Mini",
  chip: "ESP32-C3",
  usb: [{ vendor: 0x303a, product: 0x1001 }],
  i2c: { sda: 6, scl: 7 },
}
