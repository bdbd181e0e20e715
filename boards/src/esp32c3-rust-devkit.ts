// ESP32-C3-DevKit-RUST: Espressif's board for Rust, with an accelerometer and an SHTC3 on its I2C bus.

import { type Board, esp32Release } from "./board.js"
import { esp32c3Bare } from "./esp32c3-bare.js"

export const esp32c3RustDevkit: Board = {
  ...esp32c3Bare,
  id: "esp32c3_rust_devkit",
  name: "ESP32-C3-RUST-DevKit",
  productId: 0x33f29c59,
  i2c: { sda: 10, scl: 8, labels: ["10", "8"] },
  pins: [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 20, 21],
  gpios: [0, 1, 3, 4, 5, 6, 7, 9, 20, 21],
  gpioLines: [
    { name: "LED", gpio: 7 },
    { name: "BOOT", gpio: 9, pull: "up" },
  ],
  led: { gpio: 2, kind: "rgb" },
  firmware: esp32Release("esp32c3-esp32c3_rust_devkit-0x0"),
}
