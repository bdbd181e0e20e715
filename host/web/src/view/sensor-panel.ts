// The sensors on the bus that we know. Shows what the chosen one measures, twice a second.

import type { I2cAdapter } from "../../../src/driver/i2c-adapter.js"
import { VirtioMsgError } from "../../../src/errors.js"
import { hex } from "../../../src/hex.js"
import { BME280, BME280_ADDRESS } from "../../../src/sensors/bme280.js"
import type { Sensor } from "../../../src/sensors/sensor.js"
import { type FoundSensor, findSensors, SENSOR_TYPES } from "../../../src/sensors/sensor-types.js"
import { PassingWeather } from "../wire/passing-weather.js"
import type { Row } from "../wire/row.js"
import { byId, element, setText } from "./dom.js"
import { SensorPlots } from "./sensor-plots.js"

/** Between two measurements, on the bench's clock. */
export const SAMPLE_MS = 500
/** The simulated board has this one: its curves are there at the first paint. */
const USUAL: FoundSensor = { type: BME280, address: BME280_ADDRESS }

interface OpenSensor {
  readonly found: FoundSensor
  readonly adapter: I2cAdapter
  readonly chip: Sensor
}

export class SensorPanel {
  readonly #adapter: () => Promise<I2cAdapter>
  readonly #note = byId("sensor-note")
  readonly #wants = byId<HTMLInputElement>("sampling")
  readonly #choice = byId<HTMLSelectElement>("sensor-choice")
  readonly #plots = new SensorPlots()
  #shown = USUAL
  /** The sensors on the bus. Undefined while nobody has looked for them. */
  #found: readonly FoundSensor[] | undefined
  #sensor: OpenSensor | undefined
  /** The weather that others read. */
  #passing = new PassingWeather()
  #isMeasuring = false

  constructor(adapter: () => Promise<I2cAdapter>) {
    this.#adapter = adapter
    this.#wants.addEventListener("change", () => this.#sayWhetherMeasured())
    this.#choice.addEventListener("change", () => {
      const chosen = this.#found?.[this.#choice.selectedIndex]
      if (chosen) this.#show(chosen)
    })
    this.#plots.show(USUAL.type.quantities)
  }

  /** Whether a person wants to see measurements. */
  get isWanted(): boolean {
    return this.#wants.checked
  }

  set isWanted(isOn: boolean) {
    this.#wants.checked = isOn
    this.#sayWhetherMeasured()
  }

  /** Forgets the curves and the chips. */
  clear(): void {
    this.#found = undefined
    this.#passing = new PassingWeather()
    this.#isMeasuring = false
    this.#offer()
    this.#show(USUAL)
  }

  /** Makes the curves anew, in the present colours of the page. */
  recolour(): void {
    this.#plots.recolour()
  }

  /** Measures once. When there is no sensor, says so and resolves, too. `nowMs` is the bench's time. */
  async sample(nowMs: () => number): Promise<void> {
    this.#isMeasuring = true
    try {
      const sensor = await this.#open()
      if (sensor) {
        const values = await sensor.chip.read()
        if (sensor.found === this.#shown) this.#plots.add(nowMs() / 1000, values)
      }
      this.#isMeasuring = false
      if (sensor) this.#sayWhetherMeasured()
      else this.#say(`No sensor on this bus that this page knows: ${SENSOR_TYPES.map(nameOf).join(", ")}.`)
    } catch (error) {
      this.#isMeasuring = false
      this.#sensor = undefined
      if (!(error instanceof VirtioMsgError)) throw error
      const isMissing = error.code === "NACK" || error.code === "NOT_FOUND"
      this.#say(isMissing ? `${sentence(this.#shown)} does not answer.` : error.message)
    }
  }

  /** On somebody else's bus: fills the curves from the values that are read there. The panel is hidden before. */
  lookOn(row: Row): void {
    if (row.kind !== "message" && row.kind !== "memory") return
    for (const request of row.requests) {
      const weather = this.#passing.take(request)
      if (!weather) continue
      byId("sensor").hidden = false
      setText(this.#note, `${sentence(USUAL)}, as others read it.`)
      const { temperatureC, pressurePa, humidityPercent } = weather
      this.#plots.add(row.atMs / 1000, [temperatureC, pressurePa / 100, humidityPercent])
    }
  }

  /** The chosen sensor, ready to measure. Looks for sensors if nobody has yet, or if none was there. */
  async #open(): Promise<OpenSensor | undefined> {
    const adapter = await this.#adapter()
    if (this.#sensor?.adapter === adapter && this.#sensor.found === this.#shown) return this.#sensor
    if (!this.#found?.length) {
      this.#found = await findSensors(adapter)
      this.#offer()
      // the sensor with most quantities. A person can choose another
      const [best] = [...this.#found].sort((a, b) => b.type.quantities.length - a.type.quantities.length)
      if (!best) return undefined
      this.#choice.selectedIndex = this.#found.indexOf(best)
      this.#show(best)
    }
    const found = this.#shown
    this.#sensor = { found, adapter, chip: await found.type.open(adapter, found.address) }
    return this.#sensor
  }

  #offer(): void {
    const found = this.#found?.length ? this.#found : [USUAL]
    this.#choice.replaceChildren(...found.map((one) => element("option", {}, titleOf(one))))
    this.#choice.disabled = found.length < 2
  }

  #show(sensor: FoundSensor): void {
    const isOther = this.#shown.type !== sensor.type
    this.#shown = sensor
    this.#sensor = undefined
    if (isOther) this.#plots.show(sensor.type.quantities)
    else this.#plots.clear()
    this.#sayWhetherMeasured()
  }

  /** Says that the sensor is read, or is not. The latter only after the last measurement has ended. */
  #sayWhetherMeasured(): void {
    const isRead = this.isWanted || this.#isMeasuring
    const what = sentence(this.#shown)
    setText(
      this.#note,
      isRead ? `${what}, read through virtio-i2c twice a second.` : `${what}. It is not read at present.`,
    )
    this.#note.removeAttribute("title")
  }

  #say(text: string): void {
    setText(this.#note, text)
    this.#note.title = text // for texts of more than two lines
  }
}

function nameOf({ name }: { readonly name: string }): string {
  return name.toUpperCase()
}

/** "BME280 at 0x76" */
function titleOf({ type, address }: FoundSensor): string {
  return `${nameOf(type)} at ${hex(address)}`
}

/** "A BME280 at 0x76". Names that begin with L or A have "An": these letters begin with a vowel when spoken. */
function sentence(found: FoundSensor): string {
  const title = titleOf(found)
  return `${/^[AL]/.test(title) ? "An" : "A"} ${title}`
}
