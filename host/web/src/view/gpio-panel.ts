// The LED and the button: two lines of the virtio-gpio device, an output and an input whose edges come by interrupt.

import type { GpioChip } from "../../../src/driver/gpio-chip.js"
import type { GpioEdge, GpioWatch } from "../../../src/driver/gpio-watch.js"
import { notFound, VirtioMsgError } from "../../../src/errors.js"
import type { OpenedBus } from "../../../src/opened-bus.js"
import { byId, setText } from "./dom.js"

const LED = "LED"
const BUTTON = "BUTTON"
/** A command for the shell on the simulated M4: hold the button for 400 ms. */
const PRESS = "press 400\n"

export class GpioPanel {
  readonly #bus: () => OpenedBus | undefined
  readonly #led = byId<HTMLButtonElement>("led")
  readonly #button = byId<HTMLButtonElement>("button")
  readonly #note = byId("gpio-note")
  #watch: GpioWatch | undefined
  #pressCount = 0

  constructor(bus: () => OpenedBus | undefined) {
    this.#bus = bus
    this.#led.addEventListener("click", () => this.#run((chip) => this.#switchLed(chip)))
    this.#button.addEventListener("click", () => this.#run((chip, bus) => this.#press(chip, bus)))
  }

  /** For a new connection, or a board that started again: the state of its lines is not known. */
  clear(): void {
    this.#watch = undefined
    this.#pressCount = 0
    for (const control of [this.#led, this.#button]) control.setAttribute("aria-pressed", "false")
    setText(this.#note, "Lines of the virtio-gpio device: the LED is an output, the button interrupts.")
  }

  setEnabled(isOn: boolean): void {
    for (const control of [this.#led, this.#button]) control.disabled = !isOn
  }

  async #switchLed(chip: GpioChip): Promise<void> {
    const value = this.#led.getAttribute("aria-pressed") === "true" ? 0 : 1
    await chip.output(LED, value)
    this.#led.setAttribute("aria-pressed", String(value === 1))
    setText(this.#note, `${LED} drives ${value}: virtio-msg gpio set ${LED}=${value}`)
  }

  /** Watches the button from now on. A simulated one is pressed, too. */
  async #press(chip: GpioChip, bus: OpenedBus): Promise<void> {
    if (!this.#watch) {
      this.#watch = await chip.watch([BUTTON])
      void this.#follow(this.#watch)
    }
    if (bus.board.hasSimulatedChips) {
      const shell = await bus.console()
      await shell.write(new TextEncoder().encode(PRESS))
    } else setText(this.#note, "Press the button on the board.")
  }

  async #follow(watch: GpioWatch): Promise<void> {
    try {
      for await (const edge of watch) if (this.#watch === watch) this.#show(edge)
    } catch (error) {
      if (this.#watch === watch) this.#complain(error) // the board started again: the next press watches anew
    }
    if (this.#watch === watch) this.#watch = undefined
  }

  #show({ edge }: GpioEdge): void {
    this.#button.setAttribute("aria-pressed", String(edge === "rising"))
    if (edge === "rising") this.#pressCount++
    const what = edge === "rising" ? "pressed" : "released"
    setText(this.#note, `${BUTTON} was ${what}: ${edge} edge, press ${this.#pressCount}.`)
  }

  async #run(work: (chip: GpioChip, bus: OpenedBus) => Promise<void>): Promise<void> {
    try {
      const bus = this.#bus()
      if (!bus) throw notFound("This page is not connected to a board.")
      await work(await bus.gpio(), bus)
    } catch (error) {
      this.#complain(error)
    }
  }

  #complain(error: unknown): void {
    if (!(error instanceof VirtioMsgError)) throw error
    setText(
      this.#note,
      error.code === "NOT_FOUND" ? "This bus has no GPIO device with such a line." : error.message,
    )
  }
}
