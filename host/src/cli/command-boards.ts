// `virtio-msg boards`: the boards that we know, and what the STM32MP157 has in their place.

import type { Command } from "commander"
import { BOARDS, type Board, i2cPinPairs, stm32mp157 } from "../../../boards/src/index.js"
import { hex } from "../hex.js"
import { usbIdText } from "../node/usb-device.js"
import { colours, helpExamples, print } from "./context.js"
import { formatTable } from "./table.js"

/** Cells that are sentences. No program reads them line by line. */
const PROSE_WIDTH = 80

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
    productId: hex(board.productId),
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
  const rows = BOARDS.map(({ id, name, chip, i2c, led }) => [
    id,
    name,
    chip.name,
    i2c.labels.join(", "),
    led ? `${led.gpio}` : "-",
    `${chip.heapKib} kB`,
  ])
  const [title = "", ...lines] = formatTable([["BOARD", "NAME", "CHIP", "SDA, SCL", "LED", "HEAP"], ...rows])
  const parts = formatTable(
    stm32mp157.parts.map(({ there, here }) => [`  ${there}`, here]),
    PROSE_WIDTH,
  )
  return [
    colours.bold(title),
    ...lines,
    "",
    `They stand in for the ${stm32mp157.name}:`,
    ...parts,
    "",
    "Next: virtio-msg flash --board BOARD, then virtio-msg deploy.",
    "USB ids, pins and all else: virtio-msg boards --json",
    "None of this was tried on silicon yet.",
  ]
}
