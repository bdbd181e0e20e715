// Any board with an ESP32-S3, over the chip's own USB.

import { type Board, esp32Release } from "./board.js"
import { ESP32_S3 } from "./chip.js"

const PINS = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 21, 33, 34, 38, 39, 40, 41, 42, 43, 44,
  45, 46, 47, 48,
]

export const esp32s3Bare: Board = {
  id: "esp32s3_bare",
  name: "ESP32-S3",
  chip: ESP32_S3,
  productId: 0x3e121501,
  usb: [
    { vendor: 0x303a, product: 0x4001 },
    { vendor: 0x303a, product: 0x1001 },
  ],
  hasWifi: true,
  i2c: { sda: 8, scl: 9, labels: ["8", "9"] },
  pins: PINS,
  gpios: PINS,
  gpioLines: [],
  led: undefined,
  reset: "Press RESET, or unplug it and plug it in.",
  bootloader: "Hold BOOT, press RESET, let go of BOOT.",
  firmware: esp32Release("esp32s3-esp32s3_bare-0x0"),
}
