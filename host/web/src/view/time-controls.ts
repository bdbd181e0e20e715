// Pause, step and speed: for the time of the simulated system, or for the view when time is real.

import type { Bench } from "../bench/bench.js"
import type { WireModel } from "../wire/wire-model.js"
import { byId } from "./dom.js"

/** A step gives up when nothing is sent for this long, in virtual time. */
const STEP_LIMIT_MS = 5000

export class TimeControls {
  readonly #model: WireModel
  readonly #bench: () => Bench | undefined
  readonly #pause = byId<HTMLButtonElement>("pause")
  readonly #speed = byId<HTMLSelectElement>("speed")
  readonly #step = byId<HTMLButtonElement>("step")
  readonly #wire = byId("wire")
  /** How often time was stopped or started. */
  #changes = 0

  constructor(model: WireModel, bench: () => Bench | undefined) {
    this.#model = model
    this.#bench = bench
    this.#pause.addEventListener("click", () => (this.isPaused ? this.goOn() : this.pause()))
    this.#step.addEventListener("click", () => this.step())
    this.#speed.addEventListener("change", () => this.connected())
  }

  get isPaused(): boolean {
    const bench = this.#bench()
    return bench?.pace?.isPaused ?? bench?.gate?.isShut ?? false
  }

  /** For a new connection of the page. */
  connected(): void {
    const bench = this.#bench()
    byId("speed-field").hidden = bench !== undefined && bench.pace === undefined
    if (bench?.pace) bench.pace.speed = Number(this.#speed.value)
    this.setEnabled(true)
    this.#show()
  }

  setEnabled(isOn: boolean): void {
    for (const control of [this.#pause, this.#step, this.#speed]) control.disabled = !isOn
  }

  pause(): void {
    const bench = this.#bench()
    bench?.gate?.shut()
    this.#showStill(bench?.pace?.pause())
    this.#show()
  }

  goOn(): void {
    this.#bench()?.pace?.start()
    this.#bench()?.gate?.open()
    this.#show()
  }

  /** Goes on to the next packet that has contents, and pauses there. */
  async step(): Promise<void> {
    const bench = this.#bench()
    bench?.gate?.step()
    this.#show(true)
    if (bench?.pace) await this.runUntil(() => true, STEP_LIMIT_MS)
    else this.#showStill()
  }

  /**
   * Lets the simulated time run until the ladder has a new message or piece of memory that `isIt` accepts, and pauses
   * there. Resolves with whether one came.
   */
  async runUntil(isIt: (index: number) => boolean, limitMs: number): Promise<boolean> {
    const pace = this.#bench()?.pace
    if (!pace) return false
    let isThere = false
    const off = this.#model.onRow.on((row) => {
      if ((row.kind === "message" || row.kind === "memory") && isIt(row.index)) isThere = true
    })
    this.#show(true)
    const running = pace.runUntil(() => isThere, limitMs)
    this.#showStill(running)
    await running
    off()
    this.#show()
    return isThere
  }

  #show(isPaused = this.isPaused): void {
    this.#pause.setAttribute("aria-pressed", String(isPaused))
    if (isPaused) return
    this.#changes++
    this.#wire.dataset.time = "runs"
  }

  /** Marks the wire as still when `settling` settles: a pause takes effect when the present movement is done. */
  async #showStill(settling?: Promise<unknown>): Promise<void> {
    const change = ++this.#changes
    this.#wire.dataset.time = "runs"
    await settling
    if (change === this.#changes) this.#wire.dataset.time = "still"
  }
}
