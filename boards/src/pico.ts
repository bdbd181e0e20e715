// Raspberry Pi Pico: RP2040, native USB.

import { type Board, picoRelease } from "./board.js"
import { RP2040 } from "./chip.js"

const PINS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 26, 27, 28]

export const pico: Board = {
  id: "pico",
  name: "Raspberry Pi Pico",
  chip: RP2040,
  productId: 0x3f6e1f0c,
  // the first stands in devicescript-pico's source, which uses Espressif's vendor id; the second in another list
  usb: [
    { vendor: 0x303a, product: 0x000a },
    { vendor: 0x2e8a, product: 0x420a },
  ],
  hasWifi: false,
  i2c: { sda: 4, scl: 5, labels: ["GP4", "GP5"] },
  pins: PINS,
  gpios: PINS,
  gpioLines: [], // the runtime keeps the LED's pin for itself
  led: { gpio: 25, kind: "plain" },
  reset: "Unplug it and plug it in.",
  bootloader: "Hold BOOTSEL while you plug it in: the drive RPI-RP2 appears.",
  firmware: picoRelease("rp2040-pico"),
}
