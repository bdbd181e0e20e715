// GPIO lines as libgpiod 2's tools print them.

import { counted } from "../counted.js"
import type { GpioLineInfo } from "../driver/gpio-chip.js"
import type { GpioEdge } from "../driver/gpio-watch.js"
import { CHIP_NAME } from "./gpio-arguments.js"

/**
 * As gpioinfo prints them: all lines under a title, or some, each with the chip before it. A line out of use is an
 * input.
 */
export function chipLines(
  infos: readonly GpioLineInfo[],
  options: { readonly isWhole: boolean; readonly isQuoted: boolean },
): string[] {
  const lines = infos.map(({ offset, name, direction }) => {
    const shown = name === undefined ? "unnamed" : options.isQuoted ? `"${name}"` : name
    const place = options.isWhole ? `\tline ${`${offset}`.padStart(3)}:` : `${CHIP_NAME} ${offset}`
    return `${place}\t${shown.padEnd(16)}\t${direction === "output" ? "output" : "input"}`
  })
  return options.isWhole ? [`${CHIP_NAME} - ${counted(infos.length, "line")}:`, ...lines] : lines
}

/** As gpioget. */
export function lineValues(
  lines: readonly string[],
  values: readonly number[],
  options: { readonly isNumeric: boolean; readonly isQuoted: boolean },
): string {
  if (options.isNumeric) return values.join(" ")
  return lines
    .map((line, at) => `${options.isQuoted ? `"${line}"` : line}=${values[at] ? "active" : "inactive"}`)
    .join(" ")
}

/** How gpiomon shows times: seconds of the event's clock, or a date. */
export type TimeForm = "seconds" | "utc" | "local"

/** As gpiomon: the time, the edge, the line. */
export function edgeLine(
  { offset, name, edge, timestampMs }: GpioEdge,
  isQuoted: boolean,
  form: TimeForm,
): string {
  const line = name === undefined ? `${CHIP_NAME} ${offset}` : isQuoted ? `"${name}"` : name
  return `${timeText(timestampMs, form)}\t${edge}\t${line}`
}

/** As gpiomon --format. */
export function formatEdge(format: string, { offset, name, edge, timestampMs }: GpioEdge): string {
  const meanings: Record<string, () => string> = {
    o: () => `${offset}`,
    l: () => name ?? "unnamed",
    c: () => CHIP_NAME,
    e: () => (edge === "rising" ? "1" : "2"),
    E: () => edge,
    S: () => timeText(timestampMs, "seconds"),
    U: () => timeText(timestampMs, "utc"),
    L: () => timeText(timestampMs, "local"),
    "%": () => "%",
  }
  return format.replace(/%(.)/g, (whole, letter: string) => meanings[letter]?.() ?? whole)
}

/** As gpiomon's banner. */
export function monitorBanner(lines: readonly string[]): string {
  if (lines.length === 1) return `Monitoring line ${lines[0]}...`
  return `Monitoring lines ${lines.slice(0, -1).join(", ")} and ${lines.at(-1)}...`
}

function timeText(timestampMs: number, form: TimeForm): string {
  if (form === "seconds") return (timestampMs / 1000).toFixed(9)
  const nanoseconds = `${Math.round((timestampMs % 1000) * 1e6)}`.padStart(9, "0")
  const minutesWest = form === "utc" ? 0 : new Date(timestampMs).getTimezoneOffset()
  const [upToSeconds] = new Date(timestampMs - minutesWest * 60_000).toISOString().split(".")
  return `${upToSeconds}.${nanoseconds}${form === "utc" ? "Z" : ""}`
}
