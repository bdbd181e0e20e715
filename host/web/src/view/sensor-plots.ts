// The curves of a sensor's quantities, one below the other, each with its newest value.

import uPlot from "uplot" // draws time series on a canvas, 50 kB, no dependencies
import "uplot/dist/uPlot.min.css"
import type { Quantity } from "../../../src/sensors/sensor.js"
import { byId, element } from "./dom.js"

/** How many points are kept: four minutes with two a second. */
const MOST_POINTS = 480
/** The time that the curves span at the beginning. */
const LEAST_SECONDS = 30
/** The smallest span of a curve, in units of its last digit, so that noise does not fill the whole height. */
const LEAST_UNITS = 15
const COLOURS = ["--m4", "--a7", "--available", "--used"]

interface Plot {
  readonly quantity: Quantity
  readonly box: HTMLElement
  readonly value: HTMLOutputElement
  chart: uPlot | undefined
}

export class SensorPlots {
  readonly #box = byId("plots")
  #plots: Plot[] = []
  /** A column of seconds, then a column for each quantity. */
  #columns: (number | null)[][] = []
  readonly #resize = new ResizeObserver(() => {
    for (const { chart, box } of this.#plots) chart?.setSize(sizeOf(box))
  })

  /** Makes a curve without points for each quantity. */
  show(quantities: readonly Quantity[]): void {
    for (const { chart } of this.#plots) chart?.destroy()
    this.#resize.disconnect()
    this.#plots = []
    this.#box.replaceChildren()
    for (const quantity of quantities) {
      const { name } = quantity
      const box = element("div", { class: "chart" })
      const value = element("output", { id: name }, "–")
      const label = element("p", {}, element("span", {}, name[0]?.toUpperCase() + name.slice(1)), value)
      this.#box.append(element("div", { class: "plot", id: `plot-${name}` }, label, box))
      this.#resize.observe(box)
      this.#plots.push({ quantity, box, value, chart: undefined })
    }
    this.clear()
    this.recolour()
  }

  /** Forgets the points. */
  clear(): void {
    this.#columns = [[], ...this.#plots.map(() => [])]
    for (const { value } of this.#plots) value.value = "–"
    this.#draw()
  }

  /** Adds a value for each quantity. Undefined: not measured. */
  add(atS: number, values: readonly (number | undefined)[]): void {
    for (const [i, column] of this.#columns.entries()) {
      column.push(i === 0 ? atS : (values[i - 1] ?? null))
      if (column.length > MOST_POINTS) column.shift()
    }
    for (const [i, { quantity, value }] of this.#plots.entries())
      value.value = `${values[i]?.toFixed(quantity.digits) ?? "–"} ${quantity.unit}`
    this.#draw()
  }

  /** Makes the charts anew, in the present colours of the page. */
  recolour(): void {
    const style = getComputedStyle(document.documentElement)
    const probe = document.createElement("i")
    document.body.append(probe)
    const colourOf = (name: string) => {
      probe.style.color = `var(${name})`
      return getComputedStyle(probe).color
    }
    const look = {
      ink: colourOf("--ink-soft"),
      line: colourOf("--line"),
      rem: Number.parseFloat(style.fontSize),
      family: style.getPropertyValue("--sans"),
    }
    for (const [i, plot] of this.#plots.entries()) {
      plot.chart?.destroy()
      plot.chart = makeChart(plot, colourOf(COLOURS[i % COLOURS.length] as string), look)
    }
    probe.remove()
    this.#draw()
  }

  #draw(): void {
    const [times = [], ...columns] = this.#columns
    for (const [i, { chart }] of this.#plots.entries()) chart?.setData([times as number[], columns[i] ?? []])
  }
}

interface Look {
  readonly ink: string
  readonly line: string
  /** The page's letter size in pixels: a canvas has no rem. */
  readonly rem: number
  readonly family: string
}

function makeChart({ quantity, box }: Plot, colour: string, { ink, line, rem, family }: Look): uPlot {
  const halfALine = Math.ceil(0.4 * rem) // a number at the very edge needs room beyond it
  return new uPlot(
    {
      ...sizeOf(box),
      legend: { show: false },
      cursor: { y: false, points: { size: 7 } },
      padding: [halfALine, 2, halfALine, 0],
      scales: {
        x: { time: false, range: (_, from, to) => [from, Math.max(from + LEAST_SECONDS, to)] },
        y: {
          range: (_, from, to) => {
            const span = Math.max(LEAST_UNITS / 10 ** quantity.digits, (to - from) * 1.25)
            const middle = (from + to) / 2
            return [middle - span / 2, middle + span / 2]
          },
        },
      },
      series: [
        {},
        {
          stroke: colour,
          width: 2,
          points: { show: false },
          fill: `color-mix(in srgb, ${colour} 14%, transparent)`,
        },
      ],
      axes: [
        { show: false },
        {
          side: 1,
          size: 3.3 * rem,
          gap: 3,
          font: `${Math.round(0.7 * rem)}px ${family}`,
          stroke: ink,
          grid: { stroke: line, width: 1 },
          ticks: { show: false },
          space: 1.8 * rem,
          // before the first measurement the scale has no meaning
          values: ({ data }, splits) =>
            splits.map((split) => (data[0].length > 0 ? split.toFixed(quantity.digits) : "")),
        },
      ],
    },
    [[], []],
    box,
  )
}

function sizeOf(box: HTMLElement): { width: number; height: number } {
  return { width: Math.max(80, box.clientWidth), height: Math.max(40, box.clientHeight) }
}
