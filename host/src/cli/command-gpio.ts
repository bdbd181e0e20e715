// `virtio-msg gpio ...`: libgpiod 2's tools with their output, for the microcontroller's lines.

import { setTimeout as sleep } from "node:timers/promises"
import type { Command } from "commander"
import { counted } from "../counted.js"
import { helpExamples, print, printJson } from "./context.js"
import { CHIP_NAME, checkLines, offsetsOf, parsePeriod } from "./gpio-arguments.js"
import { chipLines, lineValues } from "./gpio-format.js"
import { addMonitor } from "./gpio-monitor.js"
import { addSet } from "./gpio-set.js"
import {
  addLineOptions,
  addNamingOptions,
  addTool,
  LINES_HELP,
  type NamingOptions,
  NOTIFY_HELP,
  REFUSED_HELP,
  refuseNotify,
  withChip,
} from "./gpio-tool.js"

export function define(command: Command): void {
  command.addHelpText(
    "after",
    helpExamples("virtio-msg --port sim gpio info", "virtio-msg --port sim gpio monitor -n 2 CLOCK"),
  )
  addDetect(command)
  addInfo(command)
  addGet(command)
  addSet(command)
  addMonitor(command)
  addNotify(command)
}

interface Options extends NamingOptions {
  readonly unquoted?: true
  readonly json?: true
}

function addDetect(gpio: Command): void {
  addTool(gpio, "detect", "Show the chip (gpiodetect).", "detect")
    .option("--json", "as JSON")
    .action(async (options: Options, command: Command) => {
      const { label, lines } = await withChip(command, async (chip) => {
        await chip.start()
        return { label: `virtio${chip.device.devNum}`, lines: chip.names.length } // the label of Linux's driver
      })
      if (options.json) printJson([{ chip: CHIP_NAME, label, lines }])
      else print(`${CHIP_NAME} [${label}] (${counted(lines, "line")})`)
    })
}

function addInfo(gpio: Command): void {
  addNamingOptions(addTool(gpio, "info", "Show the lines (gpioinfo).", "info", "info LED BUTTON"))
    .argument("[lines...]", `${LINES_HELP}; all when absent`)
    .option("--unquoted", "names without quotes")
    .option("--json", "as JSON")
    .action(async (lines: string[], options: Options, command: Command) => {
      checkLines(lines)
      const shown = await withChip(command, async (chip) => {
        const infos = await chip.info()
        const offsets = offsetsOf(chip, lines, options)
        return infos.filter(({ offset }) => lines.length === 0 || offsets.includes(offset))
      })
      if (options.json)
        print(
          JSON.stringify(
            // as in the lines for people: a line out of use is an input
            shown.map(({ offset, name, direction }) => ({
              offset,
              name: name ?? null,
              direction: direction === "output" ? "output" : "input",
              isUsed: direction !== "none",
            })),
            undefined,
            2,
          ),
        )
      else
        for (const line of chipLines(shown, {
          isWhole: lines.length === 0,
          isQuoted: !options.unquoted,
        }))
          print(line)
    })
}

interface GetOptions extends Options {
  readonly numeric?: true
  readonly asIs?: true
  readonly activeLow?: true
  readonly holdPeriod?: number
}

function addGet(gpio: Command): void {
  const tool = addTool(gpio, "get", "Read lines as inputs (gpioget).", "get BUTTON IN", "get --numeric 5 6")
    .argument("<lines...>", LINES_HELP)
    .option("-a, --as-is", "leave the direction of the lines as it is")
    .option("--hold-period <period>", "wait so long between making them inputs and reading", parsePeriod)
  addNamingOptions(addLineOptions(tool))
    .option("--numeric", "0 and 1 instead of names and words")
    .option("--unquoted", "names without quotes")
    .option("--json", "as JSON")
    .addHelpText("after", `\n${REFUSED_HELP}`)
    .action(async (lines: string[], options: GetOptions, command: Command) => {
      checkLines(lines)
      const levels = await withChip(command, async (chip) => {
        await chip.start()
        const offsets = offsetsOf(chip, lines, options) // a wrong name is refused before anything is changed
        if (!options.asIs) await Promise.all(offsets.map((offset) => chip.setDirection(offset, "input")))
        if (options.holdPeriod !== undefined) await sleep(options.holdPeriod)
        return Promise.all(offsets.map((offset) => chip.getValue(offset)))
      })
      const values = levels.map((level) => (options.activeLow ? level ^ 1 : level))
      if (options.json) printJson(Object.fromEntries(lines.map((line, at) => [line, values[at]])))
      else
        print(lineValues(lines, values, { isNumeric: options.numeric === true, isQuoted: !options.unquoted }))
    })
}

function addNotify(gpio: Command): void {
  addTool(
    gpio,
    "notify",
    "Say why lines' changes of hands cannot be told (gpionotify).",
    "monitor -n 1 CLOCK",
  )
    .argument("[lines...]", LINES_HELP)
    .allowUnknownOption()
    .addHelpText("after", `\n${NOTIFY_HELP}`)
    .action(refuseNotify)
}
