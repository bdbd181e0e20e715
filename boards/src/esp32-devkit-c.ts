// ESP32-DevKitC and its many kin: a classic ESP32 behind a CP2102, CH340 or CH9102 bridge.

import { type Board, esp32Release } from "./board.js"
import { ESP32 } from "./chip.js"

export const esp32DevkitC: Board = {
  id: "esp32_devkit_c",
  name: "ESP32-DevKitC",
  chip: ESP32,
  productId: 0x3c507a05,
  usb: [
    { vendor: 0x10c4, product: 0xea60 },
    { vendor: 0x1a86, product: 0x7523 },
    { vendor: 0x1a86, product: 0x55d4 },
  ],
  hasWifi: true,
  i2c: { sda: 21, scl: 22, labels: ["21", "22"] },
  // 34, 35, 36 and 39 are led out, too, but can only be read
  pins: [4, 13, 14, 18, 19, 21, 22, 23, 25, 26, 27, 32, 33],
  gpios: [4, 13, 14, 18, 19, 21, 22, 23, 25, 26, 27, 32, 33, 34, 35, 36, 39],
  gpioLines: [],
  led: { gpio: 2, kind: "plain" },
  reset: "Press EN.",
  bootloader: "By itself, through the bridge; else hold BOOT, press EN, let go of BOOT.",
  firmware: esp32Release("esp32-esp32_devkit_c-0x1000"),
}
