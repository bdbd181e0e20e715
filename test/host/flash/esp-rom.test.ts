// Flashing an ESP32 through the boot loader's own protocol, over a pseudo-terminal, by the real esptool-js.

import { afterEach, describe, expect, it } from "vitest"
import { BOARDS, type EspChip } from "../../../boards/src/index.js"
import { flashThroughRom } from "../../../host/src/flash/esp-rom.js"
import { UNLESS_LINUX } from "../../support/because.js"
import { FAKE_C3, FAKE_ESP32, FAKE_S3, FakeEspRom } from "../../support/fake-esp-rom.js"
import { makeEspImage } from "../../support/firmware-files.js"

function chipOf(boardId: string): EspChip {
  const chip = BOARDS.find(({ id }) => id === boardId)?.chip
  if (chip?.flashBy !== "esp-rom") throw new Error(`${boardId} is no ESP32`)
  return chip
}

const C3 = chipOf("esp32c3_bare")
const CLASSIC = chipOf("esp32_devkit_c")
const image = makeEspImage(C3.imageChipId)

let rom: FakeEspRom
afterEach(() => rom.close())

async function flash(chip: EspChip, progress: number[] = []): Promise<string[]> {
  const chips: string[] = []
  await flashThroughRom({
    path: rom.path,
    usb: undefined,
    chip,
    image,
    onChip: (name) => chips.push(name),
    onProgress: (done, total) => progress.push(done / total),
  })
  return chips
}

describe.skipIf(UNLESS_LINUX)(`flashThroughRom${UNLESS_LINUX}`, () => {
  it("writes the image where it belongs, to the byte, with progress", async () => {
    rom = await FakeEspRom.start(FAKE_C3)
    const progress: number[] = []
    expect(await flash(C3, progress)).toEqual(["ESP32-C3"])
    expect(rom.isStubRunning).toBe(true)
    expect([...rom.flash.keys()]).toEqual([0])
    expect(rom.flash.get(0)?.equals(image)).toBe(true)
    expect(progress.at(-1)).toBe(1)
    expect(rom.baudRates).toEqual([]) // native USB has no speed
  })

  it("waits for a boot loader that is late to start the stub, or that a busy computer hears late", async () => {
    rom = await FakeEspRom.start(FAKE_C3)
    rom.stubDelayMs = 600
    expect(await flash(C3)).toEqual(["ESP32-C3"])
    expect(rom.flash.get(0)?.equals(image)).toBe(true)
  })

  it("asks a chip behind a bridge for more speed, and begins at 0x1000 on a classic ESP32", async () => {
    rom = await FakeEspRom.start(FAKE_ESP32)
    expect(await flash(CLASSIC)).toEqual(["ESP32"])
    expect([...rom.flash.keys()]).toEqual([0x1000])
    expect(rom.baudRates).toEqual([921_600])
  })

  it("refuses another chip before anything is written", async () => {
    rom = await FakeEspRom.start(FAKE_S3)
    await expect(flash(C3)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: `The chip on ${rom.path} is an ESP32-S3, not an ESP32-C3. Nothing was written.`,
    })
    expect(rom.flash.size).toBe(0)
  })

  it("notices a flash that keeps something else", async () => {
    rom = await FakeEspRom.start(FAKE_C3)
    rom.spoil = true
    await expect(flash(C3)).rejects.toMatchObject({
      code: "DEVICE_FAILED",
      message: expect.stringMatching(/MD5 of file does not match.* The board holds half a firmware\.$/),
    })
  })

  it("says what the board holds when the cable is pulled meanwhile", async () => {
    rom = await FakeEspRom.start(FAKE_C3)
    rom.onBlock = (count) => {
      if (count === 1) rom.close()
    }
    await expect(flash(C3)).rejects.toMatchObject({
      code: "LINK_CLOSED",
      message: `${rom.path} is gone. The board holds half a firmware.`,
      hint: expect.stringContaining("the boot loader is in ROM"),
    })
  })

  it("says what the board holds when the chip starts again meanwhile, and answers no more", async () => {
    rom = await FakeEspRom.start(FAKE_C3)
    rom.onBlock = (count) => {
      if (count === 1) rom.isDeaf = true
    }
    await expect(flash(C3)).rejects.toMatchObject({
      code: "DEVICE_FAILED",
      message: expect.stringMatching(/^Writing failed: .+ The board holds half a firmware\.$/),
      hint: expect.stringContaining("Flash again"),
    })
  })

  it("gives up on a chip that does not answer, and says how to start its boot loader", async () => {
    rom = await FakeEspRom.start(FAKE_C3)
    rom.isDeaf = true
    await expect(flash(C3)).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      message: expect.stringMatching(/^No boot loader answers on .* Nothing was written\.$/),
      hint: expect.stringContaining("Hold BOOT"),
    })
  })
})
