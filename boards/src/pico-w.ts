// Raspberry Pi Pico W: a Pico with a WiFi chip, which also holds its LED.

import { type Board, picoRelease } from "./board.js"
import { RP2040 } from "./chip.js"
import { pico } from "./pico.js"

export const picoW: Board = {
  ...pico,
  id: "pico_w",
  name: "Raspberry Pi Pico W",
  chip: RP2040,
  productId: 0x3a513204,
  hasWifi: true,
  led: { gpio: 25, kind: "on the WiFi chip" },
  firmware: picoRelease("rp2040w-pico_w"),
}
