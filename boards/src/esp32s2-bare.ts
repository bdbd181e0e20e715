// Any board with an ESP32-S2, over the chip's own USB. Its heap is the smallest of all.

import { type Board, esp32Release } from "./board.js"
import { ESP32_S2 } from "./chip.js"

const PINS = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 21, 33, 34, 35, 36, 37, 38, 39, 40, 41,
  42, 43, 44, 45,
]

export const esp32s2Bare: Board = {
  id: "esp32s2_bare",
  name: "ESP32-S2",
  chip: ESP32_S2,
  productId: 0x3f140dcc,
  usb: [{ vendor: 0x303a, product: 0x4001 }],
  hasWifi: true,
  i2c: { sda: 8, scl: 9, labels: ["8", "9"] },
  // 46 is led out, too, but can only be read
  pins: PINS,
  gpios: [...PINS, 46],
  gpioLines: [],
  led: undefined,
  reset: "Press RESET, or unplug it and plug it in.",
  bootloader: "Hold BOOT, press RESET, let go of BOOT.",
  firmware: esp32Release("esp32s2-esp32s2_bare-0x1000"),
}
