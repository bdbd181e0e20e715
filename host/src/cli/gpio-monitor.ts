// `virtio-msg gpio monitor`: the edges of lines, as gpiomon of libgpiod 2 prints them.

import { type Command, Option } from "commander"
import type { GpioChip } from "../driver/gpio-chip.js"
import type { GpioEdge, GpioWatch } from "../driver/gpio-watch.js"
import { invalidArgument, VirtioMsgError } from "../errors.js"
import { note, print, printLive } from "./context.js"
import { checkLines, offsetsOf, parsePeriod } from "./gpio-arguments.js"
import { edgeLine, formatEdge, monitorBanner, type TimeForm } from "./gpio-format.js"
import {
  addLineOptions,
  addNamingOptions,
  addTool,
  checkClock,
  checkDebounce,
  LINES_HELP,
  type NamingOptions,
  REFUSED_HELP,
  withChip,
} from "./gpio-tool.js"
import { untilStopped } from "./until-stopped.js"

type Edges = "rising" | "falling" | "both"

interface MonitorOptions extends NamingOptions {
  readonly edges: Edges
  readonly activeLow?: true
  readonly numEvents?: string
  readonly idleTimeout?: number
  readonly eventClock: "monotonic" | "realtime"
  readonly utc?: true
  readonly localtime?: true
  readonly format?: string
  readonly banner?: true
  readonly quiet?: true
  readonly unquoted?: true
  readonly json?: true
}

const OPPOSITE = { rising: "falling", falling: "rising", both: "both" } as const

export function addMonitor(gpio: Command): void {
  const tool = addTool(
    gpio,
    "monitor",
    "Print the edges of lines, until Ctrl-C (gpiomon).",
    "monitor -n 2 CLOCK",
    "monitor -n 1 -F '%o %E' CLOCK",
    "monitor --idle-timeout 100ms BUTTON",
  )
    .alias("mon")
    .argument("<lines...>", LINES_HELP)
    .addOption(
      new Option("-e, --edges <edges>", "which edges").choices(["rising", "falling", "both"]).default("both"),
    )
    .option("-n, --num-events <count>", "end after so many")
    .option("--idle-timeout <period>", "end when so long nothing came", parsePeriod)
  addNamingOptions(addLineOptions(tool))
    .addOption(
      new Option("--debounce-period <period>", "0, and no other: see below").argParser(checkDebounce),
    )
    .addOption(
      new Option("-E, --event-clock <clock>", "monotonic or realtime")
        .argParser(checkClock)
        .default("monotonic"),
    )
    .addOption(new Option("--utc", "times as dates, in UTC").conflicts("localtime"))
    .option("--localtime", "times as dates, where this computer is")
    .option(
      "-F, --format <format>",
      "%o offset, %l name, %c chip, %e 1 or 2, %E rising or falling, %S seconds, %U and %L dates",
    )
    .option("--banner", "say on stdout when the lines are watched")
    .option("-q, --quiet", "print no edges")
    .option("--unquoted", "names without quotes")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      "\nThe time is when the interrupt reached this machine, up to 50 ms after the edge (docs/devices.md).\n" +
        "A period is a number with us, ms, s or m behind it; ms when absent.\n" +
        REFUSED_HELP,
    )
    .action(async (lines: string[], options: MonitorOptions, command: Command) => {
      checkLines(lines)
      const limit = options.numEvents === undefined ? Number.POSITIVE_INFINITY : Number(options.numEvents)
      if (!(limit > 0) || (Number.isFinite(limit) && !Number.isInteger(limit)))
        throw invalidArgument(`"${options.numEvents}" is no number of events.`)
      await withChip(command, (chip) => Promise.race([untilStopped(), monitor(chip, lines, options, limit)]))
    })
}

/** Prints edges. After a failure of the device it is watched again; edges in between are lost. */
async function monitor(
  chip: GpioChip,
  lines: readonly string[],
  options: MonitorOptions,
  limit: number,
): Promise<void> {
  await chip.start()
  const offsets = offsetsOf(chip, lines, options)
  const show = makeShow(chip, options)
  const edges = options.activeLow ? OPPOSITE[options.edges] : options.edges
  let count = 0
  while (count < limit) {
    let isWatching = false
    try {
      const watch = await chip.watch(offsets, { edges })
      if (options.banner && count === 0 && !isWatching) print(monitorBanner(lines))
      isWatching = true
      for await (const edge of untilIdle(watch, options.idleTimeout)) {
        show(options.activeLow ? { ...edge, edge: OPPOSITE[edge.edge] } : edge)
        if (++count >= limit) break
      }
      await watch.close()
      return
    } catch (error) {
      const isPassing =
        error instanceof VirtioMsgError &&
        (error.code === "DEVICE_FAILED" || error.code === "DEVICE_RESTARTED")
      if (!isPassing || !isWatching) throw error
      note(`${error.message} Watching again; edges in between are lost.`)
    }
  }
}

/** The edges, until none has come for so long. Without a limit, for ever. */
async function* untilIdle(watch: GpioWatch, limitMs: number | undefined): AsyncGenerator<GpioEdge> {
  const iterator = watch[Symbol.asyncIterator]()
  for (;;) {
    let timer: NodeJS.Timeout | undefined
    const next = iterator.next()
    const idle = new Promise<undefined>((resolve) => {
      if (limitMs !== undefined) timer = setTimeout(resolve, limitMs, undefined)
    })
    const result = await Promise.race([next, idle]).finally(() => clearTimeout(timer))
    if (result === undefined) next.catch(() => {}) // nobody waits for this promise any more
    if (result === undefined || result.done) return
    yield result.value
  }
}

function makeShow(chip: GpioChip, options: MonitorOptions): (edge: GpioEdge) => void {
  if (options.quiet) return () => {}
  const { clock } = chip.device.bus
  const form: TimeForm = options.utc ? "utc" : options.localtime ? "local" : "seconds"
  // a date needs the real time
  const isReal = options.eventClock === "realtime" || form !== "seconds" || /%[UL]/.test(options.format ?? "")
  const aheadMs = isReal ? Date.now() - clock.now() : 0
  return (told) => {
    const edge = { ...told, timestampMs: told.timestampMs + aheadMs }
    if (options.json) printLive(JSON.stringify(edge))
    else if (options.format !== undefined) printLive(formatEdge(options.format, edge))
    else printLive(edgeLine(edge, !options.unquoted, form))
  }
}
