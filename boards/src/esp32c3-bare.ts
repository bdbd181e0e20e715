// Any board with an ESP32-C3, over the chip's own USB-Serial-JTAG.

import { type Board, esp32Release } from "./board.js"
import { ESP32_C3 } from "./chip.js"

const PINS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 21]

export const esp32c3Bare: Board = {
  id: "esp32c3_bare",
  name: "ESP32-C3",
  chip: ESP32_C3,
  productId: 0x3a1d89be,
  usb: [{ vendor: 0x303a, product: 0x1001 }],
  hasWifi: true,
  i2c: { sda: 6, scl: 7, labels: ["6", "7"] },
  pins: PINS,
  gpios: PINS,
  gpioLines: [{ name: "BOOT", gpio: 9, pull: "up" }],
  led: undefined,
  reset: "Press RESET, or unplug it and plug it in.",
  bootloader: "By itself, over USB; else hold BOOT while you plug it in.",
  firmware: esp32Release("esp32c3-esp32c3_bare-0x0"),
}
