// `virtio-msg gpio ...`: libgpiod 2's tools with their output, for the microcontroller's lines.

import { setTimeout as sleep } from "node:timers/promises"
import { type Command, Option } from "commander"
import type { GpioChip } from "../driver/gpio-chip.js"
import { VirtioMsgError } from "../errors.js"
import { helpExamples, note, print, printLive, withBus } from "./context.js"
import { parseAssignments, parsePeriods } from "./gpio-arguments.js"
import { chipLines, edgeLine, formatEdge, lineValues } from "./gpio-format.js"
import { untilStopped } from "./until-stopped.js"

const LINES_HELP = "lines, by name or by offset"

export function define(command: Command): void {
  command.addHelpText(
    "after",
    helpExamples("virtio-msg --port sim gpio info", "virtio-msg --port sim gpio monitor -n 2 CLOCK"),
  )
  addInfo(command)
  addGet(command)
  addSet(command)
  addMonitor(command)
}

function addTool(gpio: Command, name: string, description: string, ...examples: string[]): Command {
  return gpio
    .command(name)
    .description(description)
    .addHelpText("after", helpExamples(...examples.map((each) => `virtio-msg --port sim gpio ${each}`)))
}

function withChip<T>(command: Command, work: (chip: GpioChip) => Promise<T>): Promise<T> {
  return withBus(command, async (bus) => work(await bus.gpio()))
}

function addInfo(gpio: Command): void {
  addTool(gpio, "info", "Show the lines (gpioinfo).", "info", "info LED BUTTON")
    .argument("[lines...]", `${LINES_HELP}; all when absent`)
    .option("--unquoted", "names without quotes")
    .option("--json", "as JSON")
    .action(async (lines: string[], options: { unquoted?: true; json?: true }, command: Command) => {
      const { all, chosen } = await withChip(command, async (chip) => {
        const offsets = lines.map((line) => chip.offsetOf(line))
        const infos = await chip.info()
        return { all: infos, chosen: infos.filter(({ offset }) => offsets.includes(offset)) }
      })
      const shown = lines.length === 0 ? all : chosen
      if (options.json) print(JSON.stringify(shown, undefined, 2))
      else
        for (const line of chipLines(shown, {
          isWhole: lines.length === 0,
          isQuoted: !options.unquoted,
        }))
          print(line)
    })
}

function addGet(gpio: Command): void {
  addTool(gpio, "get", "Read lines as inputs (gpioget).", "get BUTTON IN", "get --numeric 5 6")
    .argument("<lines...>", LINES_HELP)
    .option("--numeric", "0 and 1 instead of names and words")
    .option("--unquoted", "names without quotes")
    .option("--json", "as JSON")
    .action(
      async (
        lines: string[],
        options: { numeric?: true; unquoted?: true; json?: true },
        command: Command,
      ) => {
        const values = await withChip(command, async (chip) => {
          for (const line of lines) chip.offsetOf(line) // a wrong name before anything is touched
          return Promise.all(lines.map((line) => chip.input(line)))
        })
        if (options.json)
          print(JSON.stringify(Object.fromEntries(lines.map((line, at) => [line, values[at]]))))
        else
          print(
            lineValues(lines, values, { isNumeric: options.numeric === true, isQuoted: !options.unquoted }),
          )
      },
    )
}

function addSet(gpio: Command): void {
  addTool(
    gpio,
    "set",
    "Drive lines as outputs, until Ctrl-C (gpioset).",
    "set --toggle 0 LED=1",
    "set --toggle 200ms,100ms,0 LED=on OUT=off",
  )
    .argument("<settings...>", "LINE=VALUE: 0, 1, inactive, active, off, on, false or true")
    .option("-t, --toggle <periods>", "change the values after each of these times, a comma list; 0 ends it")
    .option("--hold-period <period>", "hold the values at least so long, then end")
    .addHelpText(
      "after",
      "\nA period is a number with us, ms, s or m behind it; ms when absent.\n" +
        "The lines are given back when a program next connects to the board.",
    )
    .action(
      async (settings: string[], options: { toggle?: string; holdPeriod?: string }, command: Command) => {
        const wanted = parseAssignments(settings)
        const periods = options.toggle === undefined ? undefined : parsePeriods(options.toggle)
        const [holdMs] = options.holdPeriod === undefined ? [] : parsePeriods(options.holdPeriod)
        const stopped = untilStopped()
        await withChip(command, async (chip) => {
          for (const { line } of wanted) chip.offsetOf(line)
          for (const { line, value } of wanted) await chip.output(line, value)
          const ended = new AbortController()
          const drive = async () => {
            if (holdMs !== undefined) await sleep(holdMs, undefined, ended)
            if (periods !== undefined) await toggle(chip, wanted, periods, ended.signal)
            if (holdMs !== undefined || periods !== undefined) return
            note(`Driving ${wanted.map(({ line, value }) => `${line}=${value}`).join(" ")}; Ctrl-C ends it.`)
            await stopped
          }
          try {
            await Promise.race([drive(), stopped, untilLost(chip)])
          } finally {
            ended.abort() // or a long period would keep the process
          }
        })
      },
    )
}

/** Changes all values after each period, over and over, unless a period is 0. */
async function toggle(
  chip: GpioChip,
  wanted: readonly { line: string; value: 0 | 1 }[],
  periods: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  for (let flip = 1, at = 0; ; at = (at + 1) % periods.length, flip ^= 1) {
    const periodMs = periods[at] as number
    if (periodMs === 0) return
    await sleep(periodMs, undefined, { signal })
    for (const { line, value } of wanted) await chip.setValue(line, (value ^ flip) as 0 | 1)
  }
}

/** Rejects when nobody drives the lines any more: the board is gone, or has started again. */
function untilLost(chip: GpioChip): Promise<never> {
  return new Promise((_, reject) => {
    chip.device.bus.onLost.on(reject)
  })
}

interface MonitorOptions {
  edges: "rising" | "falling" | "both"
  numEvents?: string
  format?: string
  unquoted?: true
  json?: true
}

function addMonitor(gpio: Command): void {
  addTool(
    gpio,
    "monitor",
    "Print the edges of lines, until Ctrl-C (gpiomon).",
    "monitor -n 2 CLOCK",
    "monitor -n 1 -F '%o %E' CLOCK",
  )
    .argument("<lines...>", LINES_HELP)
    .addOption(
      new Option("-e, --edges <edges>", "which edges").choices(["rising", "falling", "both"]).default("both"),
    )
    .option("-n, --num-events <count>", "end after so many")
    .option(
      "-F, --format <format>",
      "%o offset, %l name, %c chip, %e 1 or 2, %E rising or falling, %S seconds",
    )
    .option("--unquoted", "names without quotes")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      "\nThe time is when the interrupt reached this machine, up to 50 ms after the edge (docs/devices.md).",
    )
    .action(async (lines: string[], options: MonitorOptions, command: Command) => {
      const limit = options.numEvents === undefined ? Number.POSITIVE_INFINITY : Number(options.numEvents)
      if (!(limit > 0) || (Number.isFinite(limit) && !Number.isInteger(limit)))
        throw new VirtioMsgError("INVALID_ARGUMENT", `"${options.numEvents}" is no number of events.`)
      const stopped = untilStopped()
      await withChip(command, (chip) => Promise.race([monitor(chip, lines, options, limit), stopped]))
    })
}

/** Prints edges; a device that fails is watched again, and what it told meanwhile is lost. */
async function monitor(
  chip: GpioChip,
  lines: readonly string[],
  options: MonitorOptions,
  limit: number,
): Promise<void> {
  let count = 0
  while (count < limit) {
    let isWatching = false
    try {
      const watch = await chip.watch(lines, { edges: options.edges })
      isWatching = true
      for await (const edge of watch) {
        if (options.json) printLive(JSON.stringify(edge))
        else if (options.format !== undefined) printLive(formatEdge(options.format, edge))
        else printLive(edgeLine(edge, !options.unquoted))
        if (++count >= limit) break
      }
      await watch.close()
    } catch (error) {
      const isPassing =
        error instanceof VirtioMsgError &&
        (error.code === "DEVICE_FAILED" || error.code === "DEVICE_RESTARTED")
      if (!isPassing || !isWatching) throw error
      note(`${error.message} Watching again; edges in between are lost.`)
    }
  }
}
