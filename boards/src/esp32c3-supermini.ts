// ESP32-C3 Super Mini: the cheapest board with an ESP32-C3.

import { type Board, esp32Release } from "./board.js"
import { esp32c3Bare } from "./esp32c3-bare.js"

export const esp32c3Supermini: Board = {
  ...esp32c3Bare,
  id: "esp32c3_supermini",
  name: "ESP32-C3 SuperMini",
  productId: 0x31606c1c,
  i2c: { sda: 6, scl: 7, labels: ["6", "7"] },
  pins: [0, 1, 2, 3, 4, 5, 6, 7, 10, 20],
  gpios: [0, 1, 2, 3, 4, 5, 10, 20],
  gpioLines: [], // the runtime keeps the pins of the LED and of BOOT for itself
  led: { gpio: 8, kind: "plain" },
  firmware: esp32Release("esp32c3-esp32c3_supermini-0x0"),
}
