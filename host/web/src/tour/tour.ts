// The guided tour. It starts the simulated system anew, with time stopped, and goes from message to message.

import type { Bench } from "../bench/bench.js"
import { byId, setText } from "../view/dom.js"
import type { I2cPanel } from "../view/i2c-panel.js"
import type { LadderView } from "../view/ladder.js"
import type { SensorPanel } from "../view/sensor-panel.js"
import type { TimeControls } from "../view/time-controls.js"
import type { WireModel } from "../wire/wire-model.js"
import { TOUR_STEPS, type TourStep } from "./steps.js"

/** The longest that a step may take, in virtual time. */
const STEP_LIMIT_MS = 10_000

/** The parts of the page that the tour needs. */
interface TourPage {
  readonly model: WireModel
  readonly ladder: LadderView
  readonly time: TimeControls
  readonly sensor: SensorPanel
  readonly i2c: I2cPanel
  readonly bench: Bench | undefined
  /** Starts the simulated system anew. */
  connectSimulated(options: { readonly isPaused: boolean }): Promise<void>
}

export class Tour {
  readonly #page: TourPage
  readonly #dialog = byId<HTMLDialogElement>("tour")
  readonly #next = byId<HTMLButtonElement>("tour-next")
  #at = 0
  #wasMeasuring = true
  /** Whether the A7 still does the action of a step. */
  #isActing = false

  constructor(page: TourPage) {
    this.#page = page
    this.#next.addEventListener("click", () => this.#go(this.#at + 1))
    byId("tour-end").addEventListener("click", () => this.#end())
    this.#dialog.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#end()
      else if (event.key === "ArrowRight") this.#next.click()
    })
  }

  async start(): Promise<void> {
    const { sensor } = this.#page
    if (!this.#dialog.open) this.#wasMeasuring = sensor.isWanted
    sensor.isWanted = false
    // not modal: the page under it can still be seen and used
    if (!this.#dialog.open) this.#dialog.show()
    this.#next.disabled = true
    this.#dialog.focus()
    this.#show(TOUR_STEPS[0] as TourStep, 0)
    await this.#page.connectSimulated({ isPaused: true })
    if (this.#dialog.open) await this.#go(0)
    else this.#page.time.goOn() // the tour was ended meanwhile
  }

  async #go(at: number): Promise<void> {
    const step = TOUR_STEPS[at]
    if (!step) {
      this.#end()
      return
    }
    this.#at = at
    this.#next.disabled = true
    this.#show(step, at)
    await this.#play(step)
    if (!this.#dialog.open) return
    this.#next.disabled = false
    this.#next.focus()
  }

  #show(step: TourStep, at: number): void {
    setText(byId("tour-count"), `Step ${at + 1} of ${TOUR_STEPS.length}`)
    setText(byId("tour-title"), step.title)
    setText(byId("tour-text"), step.text)
    setText(this.#next, at === TOUR_STEPS.length - 1 ? "Finish" : "Next")
    byId<HTMLProgressElement>("tour-progress").value = at + 1
    this.#point(step.panel)
  }

  /** Outlines the panel that the step explains, and brings it into sight. */
  #point(panel: string | undefined): void {
    for (const pointed of document.querySelectorAll(".spoken-of")) pointed.classList.remove("spoken-of")
    if (panel === undefined) return
    const target = byId(panel)
    target.classList.add("spoken-of")
    this.#dialog.dataset.beside = target.closest(".a7-column") ? "right" : "left"
    target.scrollIntoView({ block: "nearest" })
    // on a telephone the dialog covers the lower half
    if (matchMedia("(max-width: 699px)").matches) target.scrollIntoView({ block: "start" })
  }

  async #play({ act, isIt, isDone }: TourStep): Promise<void> {
    const { model, time, ladder } = this.#page
    this.#begin(act)
    if (isIt) {
      // the first one: a packet may carry several
      let found: number | undefined
      await time.runUntil((index) => {
        const row = model.row(index)
        if (row?.kind === "message" && isIt(row)) found ??= index
        return found !== undefined
      }, STEP_LIMIT_MS)
      if (found !== undefined) ladder.choose(found)
    }
    if (isDone) await this.#page.bench?.pace?.runUntil(() => !this.#isActing, STEP_LIMIT_MS)
  }

  /** Begins the A7's action of a step. Time has to move until it is done. */
  #begin(act: TourStep["act"]): void {
    const { i2c, sensor, bench } = this.#page
    if (!act || !bench) return
    this.#isActing = true
    const acting = act === "detect" ? i2c.detect() : sensor.sample(() => bench.now())
    acting.finally(() => {
      this.#isActing = false
    })
  }

  #end(): void {
    this.#dialog.close()
    this.#point(undefined)
    this.#page.sensor.isWanted = this.#wasMeasuring
    this.#page.ladder.choose(undefined)
    this.#page.time.goOn()
    byId("tour-start").focus()
  }
}
