// GPIO lines as libgpiod 2's tools print them.

import type { GpioLineInfo } from "../driver/gpio-chip.js"
import type { GpioEdge } from "../driver/gpio-watch.js"

/** A board has one. */
const CHIP = "gpiochip0"

/** As gpioinfo: all lines under a title, or each of some with the chip before it. A line out of use is an input. */
export function chipLines(
  infos: readonly GpioLineInfo[],
  options: { readonly isWhole: boolean; readonly isQuoted: boolean },
): string[] {
  const lines = infos.map(({ offset, name, direction }) => {
    const shown = name === undefined ? "unnamed" : options.isQuoted ? `"${name}"` : name
    const place = options.isWhole ? `\tline ${`${offset}`.padStart(3)}:` : `${CHIP} ${offset}`
    return `${place}\t${shown.padEnd(16)}\t${direction === "output" ? "output" : "input"}`
  })
  return options.isWhole ? [`${CHIP} - ${infos.length} lines:`, ...lines] : lines
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

/** As gpiomon: seconds, the edge, the line. */
export function edgeLine({ offset, name, edge, timestampMs }: GpioEdge, isQuoted: boolean): string {
  const line = name === undefined ? `${CHIP} ${offset}` : isQuoted ? `"${name}"` : name
  return `${seconds(timestampMs)}\t${edge}\t${line}`
}

/** As gpiomon --format. */
export function formatEdge(format: string, { offset, name, edge, timestampMs }: GpioEdge): string {
  const meanings: Record<string, string> = {
    o: `${offset}`,
    l: name ?? "unnamed",
    c: CHIP,
    e: edge === "rising" ? "1" : "2",
    E: edge,
    S: seconds(timestampMs),
    "%": "%",
  }
  return format.replace(/%(.)/g, (whole, letter: string) => meanings[letter] ?? whole)
}

function seconds(timestampMs: number): string {
  return (timestampMs / 1000).toFixed(9)
}
