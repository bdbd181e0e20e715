// Which boards `deploy` gives the small window: those whose runtime has less heap than the others'.

import { describe, expect, it } from "vitest"
import { BOARDS } from "../../../boards/src/index.js"
import { settingsOf } from "../../../host/src/node/board-settings.js"

const FULL_HEAP_KIB = 64

describe("the window's size on a board", () => {
  it.each(BOARDS)("follows from its heap: $id", ({ chip }) => {
    const window = settingsOf(undefined, { devices: ["i2c"] }, chip).get("virtio.window")
    expect(window).toBe(chip.heapKib < FULL_HEAP_KIB ? "small" : undefined)
  })

  it("is small on an ESP32-S2 and on no other board of the list", () => {
    const small = BOARDS.filter(({ chip }) => settingsOf(undefined, {}, chip).has("virtio.window"))
    expect(small.map(({ id }) => id)).toEqual(["esp32s2_bare"])
  })

  it("is the usual one where nobody knows the board", () => {
    expect(settingsOf(undefined, {}).has("virtio.window")).toBe(false)
  })
})
