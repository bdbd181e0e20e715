// Seeed Studio XIAO ESP32C3: a thumbnail with an ESP32-C3, without an LED of its own.

import { type Board, esp32Release } from "./board.js"
import { esp32c3Bare } from "./esp32c3-bare.js"

const PINS = [2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 21]

export const seeedXiaoEsp32c3: Board = {
  ...esp32c3Bare,
  id: "seeed_xiao_esp32c3",
  name: "Seeed Studio XIAO ESP32C3",
  productId: 0x3eff6b51,
  i2c: { sda: 6, scl: 7, labels: ["D4", "D5"] },
  pins: PINS,
  gpios: PINS,
  firmware: esp32Release("esp32c3-seeed_xiao_esp32c3-0x0"),
}
