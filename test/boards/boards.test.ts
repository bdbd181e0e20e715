// What we say of the boards, against the list in Microsoft's own tool and the rules of its runtime.

import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import path from "node:path"
import { describe, expect, it } from "vitest"
import {
  BOARDS,
  gpioRanges,
  i2cPinPairs,
  stm32mp157,
  whyNoGpioLines,
  whyNoI2cPins,
} from "../../boards/src/index.js"

interface ListedBoard {
  readonly archId: string
  readonly devName: string
  readonly productId: string
  readonly $fwUrl: string
  readonly i2c?: { readonly pinSDA: number | string; readonly pinSCL: number | string }
  readonly led?: { readonly pin: number | string; readonly type?: number }
  readonly pins: Readonly<Record<string, number>>
  readonly $services?: readonly { readonly service: string; readonly pin: number | string }[]
}

interface ListedChip {
  readonly name: string
  readonly binFlashOffset?: number | string
  readonly pins: Readonly<Record<string, string>>
}

/** The list in the bundle of @devicescript/cli: an object literal, plain data. */
function readTheirs(): { archs: Record<string, ListedChip>; boards: Record<string, ListedBoard> } {
  const folder = path.dirname(createRequire(import.meta.url).resolve("@devicescript/cli/package.json"))
  const bundle = readFileSync(path.join(folder, "built/devicescript-cli.cjs"), "utf8")
  const begin = bundle.indexOf("var boards_default = {")
  const end = bundle.indexOf("\n    };", begin)
  return new Function(`${bundle.slice(begin, end)}\n}; return boards_default`)()
}

const theirs = readTheirs()

/** `"io,34,36-39"` as numbers, with the names of other lists resolved. */
function gpios(chip: ListedChip, list = ""): number[] {
  return list.split(",").flatMap((part) => {
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? []
    if (first === undefined) return gpios(chip, chip.pins[part])
    return Array.from({ length: Number(last ?? first) - Number(first) + 1 }, (_, i) => Number(first) + i)
  })
}

describe.each(BOARDS.map((board) => [board.id, board] as const))("%s", (id, board) => {
  const listed = theirs.boards[id] as ListedBoard
  const chip = theirs.archs[listed.archId] as ListedChip
  const numberOf = (pin: number | string) => (typeof pin === "number" ? pin : listed.pins[pin])

  it("is in the list of Microsoft's tool, with the same product id, firmware and chip", () => {
    expect(board.productId).toBe(Number(listed.productId))
    expect(board.firmware.url).toBe(listed.$fwUrl)
    expect(chip.name.replace(/ \+.*/, "")).toBe(board.chip.name)
    if (board.chip.flashBy === "esp-rom") expect(board.chip.flashOffset).toBe(Number(chip.binFlashOffset))
  })

  it("has the I2C pins that the list has, if it has any, and they can carry a bus", () => {
    if (listed.i2c)
      expect([board.i2c.sda, board.i2c.scl]).toEqual([listed.i2c.pinSDA, listed.i2c.pinSCL].map(numberOf))
    expect(whyNoI2cPins(board, board.i2c.sda, board.i2c.scl)).toBe("")
    expect(i2cPinPairs(board)[0]).toEqual([board.i2c.sda, board.i2c.scl])
  })

  it("leads out only pins that are listed, and that the chip can drive", () => {
    const led = Object.values(listed.pins)
    const i2c = listed.i2c ? [listed.i2c.pinSDA, listed.i2c.pinSCL].map(numberOf) : []
    for (const pin of board.pins) {
      expect([...led, ...i2c]).toContain(pin)
      expect(gpios(chip, chip.pins.io)).toContain(pin)
    }
    expect(board.pins).toEqual([...new Set(board.pins)].sort((a, b) => a - b))
  })

  it("lends programs the pins that the list names, and of those the LED and the buttons are lines by themselves", () => {
    const named = Object.entries(listed.pins).filter(([name]) => !name.startsWith("#")) // a comment
    const exposed = new Set(named.map(([, gpio]) => gpio))
    expect(board.gpios).toEqual([...exposed].sort((a, b) => a - b))
    expect(whyNoGpioLines(board, board.gpioLines, board.i2c)).toBe("")
    const led = listed.pins.LED ?? (listed.led?.type ? undefined : listed.led && numberOf(listed.led.pin))
    const buttons = (listed.$services ?? []).filter(({ service }) => service === "button")
    expect(board.gpioLines.map(({ gpio }) => gpio)).toEqual(
      [led, ...buttons.map(({ pin }) => numberOf(pin))].filter((gpio) => exposed.has(gpio as number)),
    )
  })

  it("has the LED that the list has", () => {
    expect(board.led?.gpio).toBe(listed.led ? numberOf(listed.led.pin) : undefined)
    if (listed.led?.type === 1) expect(board.led?.kind).toBe("rgb")
  })
})

describe("pins for I2C", () => {
  const pico = BOARDS.find(({ id }) => id === "pico")
  const devkit = BOARDS.find(({ id }) => id === "esp32_devkit_c")

  it("follow the RP2040's rule: even SDA, odd SCL, on one controller", () => {
    if (!pico) throw new Error("no pico")
    expect(whyNoI2cPins(pico, 5, 4)).toBe("GPIO 5 cannot be SDA: on an RP2040 SDA is an even number.")
    expect(whyNoI2cPins(pico, 4, 6)).toBe("GPIO 6 cannot be SCL: on an RP2040 SCL is an odd number.")
    expect(whyNoI2cPins(pico, 4, 7)).toBe("GPIO 4 is on controller I2C0, GPIO 7 on I2C1.")
    expect(whyNoI2cPins(pico, 4, 23)).toBe("Raspberry Pi Pico leads out no GPIO 23 for SCL.")
    expect(whyNoI2cPins(pico, 0, 9)).toBe("")
    expect(i2cPinPairs(pico)).toContainEqual([26, 27])
  })

  it("are any two on an ESP32 that it leads out", () => {
    if (!devkit) throw new Error("no devkit")
    expect(whyNoI2cPins(devkit, 22, 21)).toBe("")
    expect(whyNoI2cPins(devkit, 21, 21)).toBe("SDA and SCL need a pin each.")
    expect(whyNoI2cPins(devkit, 34, 21)).toContain("leads out no GPIO 34 for SDA")
  })
})

describe("pins for GPIO lines", () => {
  const find = (id: string) => BOARDS.find((board) => board.id === id) as (typeof BOARDS)[number]
  const pico = find("pico")

  it("are those that the runtime exposes, each once, and not the I2C bus's", () => {
    const why = (...lines: Parameters<typeof whyNoGpioLines>[1]) => whyNoGpioLines(pico, lines, pico.i2c)
    expect(why({ name: "LED", gpio: 15 }, { name: "", gpio: 28, pull: "up" }, { name: "", gpio: 0 })).toBe("")
    expect(why({ name: "LED", gpio: 25 })).toBe(
      "The runtime of the Raspberry Pi Pico keeps GPIO 25, its LED, for itself.",
    )
    expect(why({ name: "X", gpio: 23 })).toBe(
      "The runtime of the Raspberry Pi Pico exposes no GPIO 23 to programs.",
    )
    expect(why({ name: "X", gpio: 5 })).toBe("GPIO 5 is SCL of the I2C bus.")
    expect(whyNoGpioLines(pico, [{ name: "X", gpio: 5 }], undefined)).toBe("")
    expect(why({ name: "X", gpio: 6 }, { name: "Y", gpio: 6 })).toBe("GPIO 6 cannot be two lines.")
    expect(why({ name: "X", gpio: 6 }, { name: "X", gpio: 7 })).toBe("Two lines cannot be called X.")
    // led out and fit for I2C, but not exposed
    expect(whyNoGpioLines(find("esp32c3_supermini"), [{ name: "", gpio: 21 }], undefined)).toContain(
      "exposes no GPIO 21",
    )
  })

  it("are said as ranges", () => {
    expect(gpioRanges(pico.gpios)).toBe("0 to 22, 26 to 28")
    expect(gpioRanges([4, 13, 14, 18])).toBe("4, 13 to 14, 18")
  })
})

describe("the list", () => {
  it("has the GPIO that a pin's label names, on every board whose labels are its chip's numbers", () => {
    const numbered = BOARDS.filter(({ id }) => id !== "seeed_xiao_esp32c3") // D4 and D5 are Seeed's names
    for (const { id, i2c } of numbered)
      expect([id, ...i2c.labels.map((label) => Number(label.replace(/^GP/, "")))]).toEqual([
        id,
        i2c.sda,
        i2c.scl,
      ])
  })

  it("has each board once, and the chip that they stand in for", () => {
    expect(new Set(BOARDS.map(({ id }) => id)).size).toBe(BOARDS.length)
    expect(stm32mp157.parts.map(({ there }) => there).join()).toMatch(/IPCC mailbox.*SRAM/)
  })
})
