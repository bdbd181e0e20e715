// `virtio-msg boards`: the boards that we know, and what the STM32MP157 has in their place.

import type { Command } from "commander"
import { BOARDS, type Board, i2cPinPairs, stm32mp157 } from "../../../boards/src/index.js"
import { usbIdText } from "../node/usb-device.js"
import { colours, helpExamples, print } from "./context.js"
import { formatTable } from "./table.js"

export function define(command: Command): void {
  command
    .option("--json", "as JSON, with all that we know")
    .addHelpText("after", helpExamples("virtio-msg boards", "virtio-msg boards --json"))
    .action((options: { json?: true }) => {
      if (options.json)
        print(JSON.stringify({ boards: BOARDS.map(describe), counterpart: stm32mp157 }, undefined, 2))
      else for (const line of format()) print(line)
    })
}

function describe(board: Board) {
  const { chip, usb, pins, firmware, gpios, gpioLines, ...rest } = board
  return {
    ...rest,
    chip: chip.name,
    heapKib: chip.heapKib,
    serialBaud: chip.serialBaud ?? null,
    flashBy: chip.flashBy,
    productId: `0x${board.productId.toString(16)}`,
    usb: usb.map(usbIdText),
    led: board.led ?? null,
    gpios,
    gpioLines,
    i2cPinPairs: i2cPinPairs(board),
    firmware: {
      url: firmware.url,
      sizeBytes: firmware.sizeBytes ?? null,
      sha256: firmware.sha256 ?? null,
    },
  }
}

function format(): string[] {
  const rows = BOARDS.map(({ id, name, chip, i2c, led, usb }) => [
    id,
    name,
    chip.name,
    `SDA ${i2c.labels[0]}, SCL ${i2c.labels[1]}`,
    led ? `${led.gpio}${led.kind === "plain" ? "" : ` (${led.kind})`}` : "-",
    `${chip.heapKib} kB`,
    usb.map(usbIdText).join(" ") + (chip.serialBaud ? `, ${chip.serialBaud} baud` : ""),
  ])
  const [title = "", ...lines] = formatTable([
    ["BOARD", "NAME", "CHIP", "I2C", "LED", "HEAP", "USB"],
    ...rows,
  ])
  const parts = formatTable(stm32mp157.parts.map(({ there, here }) => [`  ${there}`, here]))
  return [
    colours.bold(title),
    ...lines,
    "",
    `They stand in for the ${stm32mp157.name}:`,
    ...parts,
    "",
    "Next: virtio-msg flash --board BOARD, then virtio-msg deploy. None of this was tried on silicon yet.",
  ]
}
