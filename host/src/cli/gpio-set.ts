// `virtio-msg gpio set`: drives lines, in the words of gpioset of libgpiod 2.

import { setTimeout as sleep } from "node:timers/promises"
import { type Command, Option } from "commander"
import type { GpioChip } from "../driver/gpio-chip.js"
import { note } from "./context.js"
import { offsetsOf, parseAssignments, parsePeriod, parsePeriods } from "./gpio-arguments.js"
import { GpioCommands, INTERACTIVE_HELP, interact } from "./gpio-interactive.js"
import {
  addLineOptions,
  addNamingOptions,
  addTool,
  checkDrive,
  type NamingOptions,
  REFUSED_HELP,
  refuseDaemon,
  withChip,
} from "./gpio-tool.js"
import { untilStopped } from "./until-stopped.js"

interface SetOptions extends NamingOptions {
  readonly toggle?: readonly number[]
  readonly holdPeriod?: number
  readonly activeLow?: true
  readonly interactive?: true
  readonly unquoted?: true
}

interface Setting {
  readonly offset: number
  /** What the pin is to be. */
  readonly level: 0 | 1
}

export function addSet(gpio: Command): void {
  const tool = addTool(
    gpio,
    "set",
    "Drive lines as outputs, until Ctrl-C (gpioset).",
    "set --toggle 0 LED=1",
    "set --toggle 200ms,100ms,0 LED=on OUT=off",
    "set --interactive LED=0 OUT=1",
  )
    .argument("<settings...>", "LINE=VALUE: 0, 1, inactive, active, off, on, false or true")
    .option(
      "-t, --toggle <periods>",
      "change the values after each of these times, a comma list; 0 ends it",
      parsePeriods,
    )
    .option("--hold-period <period>", "hold the values at least so long, then end", parsePeriod)
    .addOption(
      new Option("-i, --interactive", "drive the lines, then take commands: see below").conflicts("toggle"),
    )
    .option("--unquoted", "names without quotes, in what --interactive prints")
  addNamingOptions(addLineOptions(tool))
    .addOption(new Option("-d, --drive <drive>", "push-pull, and no other: see below").argParser(checkDrive))
    .addOption(new Option("-z, --daemonize").argParser(refuseDaemon).hideHelp())
    .addHelpText(
      "after",
      `\nWith --interactive, from the terminal, a file or a pipe. ${INTERACTIVE_HELP}\n` +
        "\nA period is a number with us, ms, s or m behind it; ms when absent.\n" +
        `The lines are given back when a program next connects to the board.\n${REFUSED_HELP}`,
    )
    .action(async (settings: string[], options: SetOptions & { daemonize?: true }, command: Command) => {
      if (options.daemonize) refuseDaemon()
      const wanted = parseAssignments(settings)
      await withChip(command, async (chip) => {
        const stopped = untilStopped()
        await chip.start()
        const offsets = offsetsOf(
          chip,
          wanted.map(({ line }) => line),
          options,
        )
        const pins = wanted.map(({ value }, at): Setting => {
          const level = options.activeLow ? ((value ^ 1) as 0 | 1) : value
          return { offset: offsets[at] as number, level }
        })
        for (const { offset, level } of pins) await chip.output(offset, level)
        const ended = new AbortController()
        const drive = async () => {
          const { holdPeriod, toggle, interactive } = options
          if (holdPeriod !== undefined) await sleep(holdPeriod, undefined, ended)
          if (toggle !== undefined) await toggleAll(chip, pins, toggle, ended.signal)
          if (interactive) {
            const driven = wanted.map((each, at) => ({ ...each, offset: offsets[at] as number }))
            return interact(new GpioCommands(chip, driven, options, ended.signal), ended)
          }
          if (holdPeriod !== undefined || toggle !== undefined) return
          note(`Driving ${wanted.map(({ line, value }) => `${line}=${value}`).join(" ")}; Ctrl-C ends it.`)
          await stopped
        }
        try {
          await Promise.race([drive(), stopped, untilLost(chip)])
        } finally {
          ended.abort() // otherwise a long period would keep the process running
        }
      })
    })
}

/** Changes all values after each period, over and over, unless a period is 0. */
async function toggleAll(
  chip: GpioChip,
  pins: readonly Setting[],
  periods: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  for (let flip = 1, at = 0; ; at = (at + 1) % periods.length, flip ^= 1) {
    const periodMs = periods[at] as number
    if (periodMs === 0) return
    await sleep(periodMs, undefined, { signal })
    for (const { offset, level } of pins) await chip.setValue(offset, (level ^ flip) as 0 | 1)
  }
}

/** Rejects when the lines are no longer driven: the board has gone, or has started again. */
function untilLost(chip: GpioChip): Promise<never> {
  return new Promise((_, reject) => {
    chip.device.bus.onLost.on(reject)
  })
}
