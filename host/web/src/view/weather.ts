// The weather: three curves of what a BME280 on the bus measures.

import uPlot from "uplot" // draws time series on a canvas, 50 kB, no dependencies
import "uplot/dist/uPlot.min.css"
import { BME280_ADDRESS, Bme280, type Weather } from "../../../src/chips/bme280.js"
import type { I2cAdapter } from "../../../src/driver/i2c-adapter.js"
import { VirtioMsgError } from "../../../src/errors.js"
import { PassingWeather } from "../wire/passing-weather.js"
import type { Row } from "../wire/row.js"
import { byId, setText } from "./dom.js"

/** Points that are kept: four minutes at two a second. */
const MOST_POINTS = 480
/** What the curves span at the beginning. */
const LEAST_SECONDS = 30
/** Between two measurements, on the bench's clock. */
export const SAMPLE_MS = 500
const MEASURED = "A BME280 at 0x76, read through virtio-i2c twice a second."
const PASSED = "A BME280 at 0x76, as others read it."
const NOT_MEASURED = "A BME280 at 0x76. It is not read at present."

interface Curve {
  readonly name: "temperature" | "pressure" | "humidity"
  readonly unit: string
  readonly digits: number
  /** What a curve at rest still spans: noise is not stretched to the whole height. */
  readonly leastSpan: number
  readonly colour: string
}

const CURVES: readonly Curve[] = [
  { name: "temperature", unit: "°C", digits: 2, leastSpan: 0.2, colour: "--m4" },
  { name: "pressure", unit: "hPa", digits: 1, leastSpan: 0.5, colour: "--a7" },
  { name: "humidity", unit: "%", digits: 1, leastSpan: 0.5, colour: "--available" },
]

export class WeatherView {
  readonly #adapter: () => Promise<I2cAdapter>
  readonly #note = byId("sensor-note")
  readonly #wants = byId<HTMLInputElement>("sampling")
  #plots: uPlot[] = []
  /** Seconds, then the three quantities. */
  #data: [number[], number[], number[], number[]] = [[], [], [], []]
  #sensor: { readonly adapter: I2cAdapter; readonly chip: Bme280 } | undefined
  /** What others read. */
  #passing = new PassingWeather()
  #isMeasuring = false

  constructor(adapter: () => Promise<I2cAdapter>) {
    this.#adapter = adapter
    this.#wants.addEventListener("change", () => this.#sayWhetherMeasured())
    this.recolour()
    const resize = new ResizeObserver(() => {
      for (const plot of this.#plots) plot.setSize(sizeOf(plot.root.parentElement as HTMLElement))
    })
    for (const { name } of CURVES) resize.observe(chartOf(name))
  }

  /** Whether somebody wants to see the weather. */
  get isWanted(): boolean {
    return this.#wants.checked
  }

  set isWanted(isOn: boolean) {
    this.#wants.checked = isOn
    this.#sayWhetherMeasured()
  }

  /** Forgets the curves and the chip. */
  clear(): void {
    this.#data = [[], [], [], []]
    this.#sensor = undefined
    this.#passing = new PassingWeather()
    this.#isMeasuring = false
    for (const { name } of CURVES) byId<HTMLOutputElement>(name).value = "–"
    this.#show()
    this.#sayWhetherMeasured()
  }

  /** Measures once. Resolves also when there is nothing to measure with, and says so. `nowMs` is the bench's time. */
  async sample(nowMs: () => number): Promise<void> {
    this.#isMeasuring = true
    try {
      const adapter = await this.#adapter()
      if (this.#sensor?.adapter !== adapter) this.#sensor = { adapter, chip: await Bme280.open(adapter) }
      const weather = await this.#sensor.chip.read()
      this.#add(nowMs() / 1000, weather)
      this.#isMeasuring = false
      this.#sayWhetherMeasured()
    } catch (error) {
      this.#isMeasuring = false
      this.#sensor = undefined
      if (!(error instanceof VirtioMsgError)) throw error
      const isMissing = error.code === "NACK" || error.code === "NOT_FOUND"
      setText(
        this.#note,
        isMissing ? `No BME280 at 0x${BME280_ADDRESS.toString(16)} on this bus.` : error.message,
      )
      this.#note.title = this.#note.textContent // where the two lines are too few
    }
  }

  /** On somebody else's bus: fills the curves from what is read there, and is hidden before. */
  lookOn(row: Row): void {
    if (row.kind !== "message" && row.kind !== "memory") return
    for (const request of row.requests) {
      const weather = this.#passing.take(request)
      if (!weather) continue
      byId("sensor").hidden = false
      setText(this.#note, PASSED)
      this.#add(row.atMs / 1000, weather)
    }
  }

  /** Makes the plots anew, in the colours that the page has now. */
  recolour(): void {
    for (const plot of this.#plots) plot.destroy()
    const style = getComputedStyle(document.documentElement)
    const probe = document.createElement("i")
    document.body.append(probe)
    const colourOf = (name: string) => {
      probe.style.color = `var(${name})`
      return getComputedStyle(probe).color
    }
    const rem = Number.parseFloat(style.fontSize)
    this.#plots = CURVES.map((curve) =>
      makePlot(curve, colourOf(curve.colour), colourOf("--ink-soft"), colourOf("--line"), {
        rem,
        family: style.getPropertyValue("--sans"),
      }),
    )
    probe.remove()
    this.#show()
  }

  /** Switched off, it says so only when what was under way has ended. */
  #sayWhetherMeasured(): void {
    setText(this.#note, this.isWanted || this.#isMeasuring ? MEASURED : NOT_MEASURED)
    this.#note.removeAttribute("title")
  }

  #add(atS: number, { temperatureC, pressurePa, humidityPercent }: Weather): void {
    const values = [temperatureC, pressurePa / 100, humidityPercent]
    const numbers = [atS, ...values]
    for (const [column, value] of numbers.entries()) {
      const points = this.#data[column] as number[]
      points.push(value)
      if (points.length > MOST_POINTS) points.shift()
    }
    for (const [i, { name, unit, digits }] of CURVES.entries())
      byId<HTMLOutputElement>(name).value = `${(values[i] as number).toFixed(digits)} ${unit}`
    this.#show()
  }

  #show(): void {
    const times = this.#data[0]
    for (const [i, plot] of this.#plots.entries()) plot.setData([times, this.#data[i + 1] as number[]])
  }
}

interface Letters {
  /** The page's letter size in pixels: the canvas knows no rem. */
  readonly rem: number
  readonly family: string
}

function makePlot(curve: Curve, colour: string, ink: string, line: string, { rem, family }: Letters): uPlot {
  const box = chartOf(curve.name)
  const halfALine = Math.ceil(0.4 * rem) // what a number at the very edge needs beyond it
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
            const span = Math.max(curve.leastSpan, (to - from) * 1.25)
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
          // before the first measurement the scale would mean nothing
          values: ({ data }, splits) =>
            splits.map((split) => (data[0].length > 0 ? split.toFixed(curve.digits > 1 ? 2 : 1) : "")),
        },
      ],
    },
    [[], []],
    box,
  )
}

function chartOf(name: Curve["name"]): HTMLElement {
  return byId(`plot-${name}`).querySelector(".chart") as HTMLElement
}

function sizeOf(box: HTMLElement): { width: number; height: number } {
  return { width: Math.max(80, box.clientWidth), height: Math.max(40, box.clientHeight) }
}
